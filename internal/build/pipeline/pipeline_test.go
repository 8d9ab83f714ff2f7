package pipeline_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

func parse(t *testing.T, text string) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Parse("pipeline.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThePipelineOfTheDesignIsReadUnchanged(t *testing.T) {
	text, err := os.ReadFile("testdata/slipway.yml")
	if err != nil {
		t.Fatal(err)
	}
	test, production := map[string]string{"queue": "test"}, map[string]string{"queue": "production"}
	want := []slipway.Step{
		{Kind: slipway.StepCommand, Label: "Run my tests", Command: "ci/bin/test", Agents: test},
		{Kind: slipway.StepWait},
		{Kind: slipway.StepCommand, Label: "Push docker image", Command: "ci/bin/docker-tag", Branches: "master", Agents: test},
		{Kind: slipway.StepWait},
		{Kind: slipway.StepCommand, Label: "Deploy To Test", Command: "ci/bin/deploy", Branches: "master", Env: map[string]string{"DEPLOYMENT_ENV": "test"}, Agents: test},
		{Kind: slipway.StepBlock},
		{Kind: slipway.StepCommand, Label: "Deploy to Production", Command: "ci/bin/deploy", Branches: "master", Env: map[string]string{"DEPLOYMENT_ENV": "prod"}, Agents: production},
	}
	if diff := cmp.Diff(want, parse(t, string(text)).Steps); diff != "" {
		t.Error(diff)
	}
}

func TestEveryForm(t *testing.T) {
	queue := func(q string) map[string]string { return map[string]string{"queue": q} }
	for name, c := range map[string]struct {
		text string
		want []slipway.Step
	}{
		"a bare list": {"- command: make", []slipway.Step{{Kind: "command", Command: "make", Agents: queue("default")}}},
		"commands":    {"- commands: [a, b]\n  id: x", []slipway.Step{{Kind: "command", Command: "a\nb", Key: "x", Agents: queue("default")}}},
		"default agents, and a step's own": {"agents: {queue: test, os: linux}\nsteps:\n- command: a\n- command: b\n  agents: [queue=production]", []slipway.Step{
			{Kind: "command", Command: "a", Agents: map[string]string{"queue": "test", "os": "linux"}},
			{Kind: "command", Command: "b", Agents: queue("production")}}},
		"waits and blocks": {"- wait\n- wait: ~\n  key: w\n- block: Ship it?\n  prompt: Sure?\n  branches: [main, 'release/*']\n- block: ~\n  label: L", []slipway.Step{
			{Kind: "wait"}, {Kind: "wait", Key: "w"},
			{Kind: "block", Label: "Ship it?", Prompt: "Sure?", Branches: "main release/*"}, {Kind: "block", Label: "L"}}},
		"dependencies": {"- command: a\n  key: a\n- command: b\n  key: b\n  depends_on: a\n- command: c\n  depends_on: [a, {step: b, allow_failure: true}]\n- command: d\n  depends_on: ~", []slipway.Step{
			{Kind: "command", Command: "a", Key: "a", Agents: queue("default")},
			{Kind: "command", Command: "b", Key: "b", Agents: queue("default"), DependsOn: []string{"a"}},
			{Kind: "command", Command: "c", Agents: queue("default"), DependsOn: []string{"a", "b"}, AllowFailure: []string{"b"}},
			{Kind: "command", Command: "d", Agents: queue("default"), NoDepends: true}}},
		"values as they are written": {"- command: true\n  label: 1.10\n  timeout_in_minutes: 5\n  env: {V: 1.10, DAY: 2026-01-02, E: ~, N: 0x10}", []slipway.Step{
			{Kind: "command", Command: "true", Label: "1.10", Timeout: 5 * time.Minute, Agents: queue("default"), Env: map[string]string{"V": "1.10", "DAY": "2026-01-02", "E": "", "N": "0x10"}}}},
		"anchors and merges": {"steps:\n- &base\n  command: a\n  env: &e {A: x}\n- <<: *base\n  command: b\n  env: {<<: *e, B: y}", []slipway.Step{
			{Kind: "command", Command: "a", Agents: queue("default"), Env: map[string]string{"A": "x"}},
			{Kind: "command", Command: "b", Agents: queue("default"), Env: map[string]string{"A": "x", "B": "y"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, c.text).Steps); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
	for name, c := range map[string]struct {
		text string
		want []string // each a line; the rest of the message does not matter
	}{
		"an empty file":        {"", []string{"p.yml:1:1: the file is empty"}},
		"broken YAML":          {"steps:\n  - command: [a\n", []string{"p.yml:1:1: not YAML: did not find expected ',' or ']'"}},
		"two documents":        {"- wait\n---\n- wait\n", []string{"p.yml:2:1: a second document; one file holds one pipeline"}},
		"no steps":             {"env: {A: b}", []string{"p.yml:1:1: there are no steps; write steps: and a list"}},
		"no mapping":           {"hello", []string{`p.yml:1:1: the pipeline must be a mapping, not "hello"`}},
		"an empty list":        {"steps: []", []string{"p.yml:1:8: there are no steps"}},
		"an unknown key":       {"steps:\n- comand: a\n  label: x", []string{`p.yml:2:3: unknown key "comand" in a command step; did you mean "command"?`}},
		"an unknown root":      {"stpes: []", []string{`p.yml:1:1: unknown key "stpes" in the pipeline; did you mean "steps"?`}},
		"what comes later":     {"notify: []\nsteps:\n- command: a\n  parallelism: 3\n  concurency: 3\n- trigger: x\n- input: y\n- group: z\n- input", []string{`p.yml:1:1: "notify" of the pipeline is not supported yet`, `p.yml:4:3: "parallelism" of a command step is not supported yet`, `p.yml:5:3: unknown key "concurency" in a command step; did you mean "concurrency"?`, `p.yml:6:3: trigger steps are not supported yet`, `p.yml:7:3: input steps are not supported yet`, `p.yml:8:3: group steps are not supported yet`, `p.yml:9:3: input steps are not supported yet`}},
		"plugins alone":        {"- plugins: [x]", []string{`p.yml:1:3: "plugins" of a command step is not supported yet`}},
		"an unknown word":      {"- wiat", []string{`p.yml:1:3: a step must be a mapping or one of the words wait and block, not "wiat"; did you mean "wait"?`}},
		"two kinds":            {"- command: a\n  wait: ~", []string{`p.yml:2:3: a step is either a command or a wait step; "command" is there already`}},
		"said twice":           {"- command: a\n  name: x\n  label: y", []string{`p.yml:3:3: "label" says again what "name" says; keep one of them`}},
		"a key twice":          {"- command: a\n  command: b", []string{`p.yml:2:3: "command" is there twice in a command step, first on line 1`}},
		"wrong values":         {"- command: {a: b}\n  label: [x]\n  timeout_in_minutes: soon\n  env: {1A: x}\n  agents: [test]\n  key: a b\n  branches: ~", []string{`p.yml:1:12: command must be a text, not a mapping`, `p.yml:2:10: label must be a text, not a list`, `p.yml:3:23: timeout_in_minutes must be a whole number from 1 to 1440, not "soon"`, `p.yml:4:9: "1A" cannot name a variable; use letters, digits and _`, `p.yml:5:12: agents[0] must be tag=value, not "test"`, `p.yml:6:8: "a b" cannot be a key`, `p.yml:7:13: branches must be a text, not nothing`}},
		"a UUID as key":        {"- command: a\n  key: 0190b2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b", []string{`p.yml:2:8: "0190b2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b" cannot be a key`}},
		"no command":           {"- label: x", []string{`p.yml:1:3: a step needs a command; or it is wait or block`}},
		"an empty command":     {"- command: ''\n- commands: []", []string{`p.yml:1:12: the command is empty`, `p.yml:2:13: the command is empty`}},
		"a missing key":        {"- command: a\n  key: unit\n- command: b\n  depends_on: unti", []string{`p.yml:4:15: depends_on: there is no step with the key "unti"; did you mean "unit"?`}},
		"a key given twice":    {"- command: a\n  key: k\n- command: b\n  key: k", []string{`p.yml:4:8: the key "k" is there twice, first on line 2`}},
		"a circle":             {"- command: a\n  key: a\n  depends_on: c\n- wait\n- command: c\n  key: c", []string{`p.yml:3:15: these steps wait for each other: a → c → wait → a`}},
		"a bad variable":       {"- command: 'echo ${A@Q}'", []string{`p.yml:1:12: Expected an operator, got @; write $$ for a dollar sign that the shell shall see`}},
		"variables that swell": {"env:\n  A: " + strings.Repeat("x", 1000) + "\n  B: " + strings.Repeat("$A", 60) + "\n  C: $B$B\nsteps:\n- command: '${C:-$B$B}'", []string{"p.yml:2:3: longer than 64 KiB once variables are filled in", "p.yml:6:12: longer than 64 KiB"}},
		"a queue's name":       {"- command: a\n  agents: {queue: 'Test !'}", []string{`p.yml:2:11: "Test !" cannot name a queue`}},
		"aliases that swell":   {bomb + "steps: [wait]", []string{"more than 20000 values, counting what aliases repeat"}},
		"an alias of itself":   {"steps: &s\n- wait\n- *s", []string{"nested deeper than 32, counting aliases"}},
		"a foreign tag":        {"- command: !!binary aGk=", []string{"p.yml:1:12: the tag !!binary is not supported"}},
		"too large":            {strings.Repeat("# x\n", pipeline.MaxBytes/4+1), []string{"p.yml is larger than 256 KiB"}},
		"too many steps":       {strings.Repeat("- wait\n", 501), []string{"p.yml:1:1: 501 steps; a pipeline may have 500"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pipeline.Parse("p.yml", []byte(c.text))
			if code := slipway.CodeOf(err); code != slipway.Invalid && code != slipway.TooLarge {
				t.Fatalf("%q: %v", code, err)
			}
			problem, _ := errors.AsType[*slipway.Error](err)
			lines := strings.Split(problem.Message, "\n")
			if len(lines) != len(c.want) {
				t.Fatalf("%d problems, want %d:\n%v", len(lines), len(c.want), err)
			}
			for i, want := range c.want {
				if !strings.Contains(lines[i], want) {
					t.Errorf("got  %s\nwant %s", lines[i], want)
				}
			}
		})
	}
}

func TestVariables(t *testing.T) {
	for in, want := range map[string]string{
		"echo $OWN ${OWN} ${OWN:0:2} ${OWN:-x}":                          "echo value value va value",
		"echo $$OWN \\$OWN":                                              "echo $OWN $OWN",
		"echo $BUILDKITE_BRANCH \"${BUILDKITE_MESSAGE}\" $BUILDKITE_TAG": "echo $BUILDKITE_BRANCH \"${BUILDKITE_MESSAGE}\" $BUILDKITE_TAG",
		"${BUILDKITE_COMMIT:0:7} ${X:-${Y:-$OWN}}$OWN ${X: -3}":          "${BUILDKITE_COMMIT:0:7} ${X:-${Y:-$OWN}}value ${X: -3}",
		"awk '{print $1, $NF}' $(date) $? ${X?no} ${X-$$} $":             "awk '{print $1, $NF}' $(date) $? ${X?no} ${X-$$} $",
		"é $OWN \\\\ ü":                                                  "é value \\\\ ü",
	} {
		p := parse(t, "env: {OWN: value, PRICE: $$5}\nsteps:\n- command: |-\n    "+in)
		if got := p.Steps[0].Command; got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
	p := parse(t, "env:\n  A: a\n  B: $A-$BUILDKITE_BRANCH-$$C\nsteps:\n- command: echo $B\n  label: run $A\n  agents: {queue: q-$A}\n  env: {D: '$A$$'}")
	if want := map[string]string{"A": "a", "B": "a-$BUILDKITE_BRANCH-$$C"}; !cmp.Equal(p.Env, want) {
		t.Error(cmp.Diff(want, p.Env))
	}
	want := slipway.Step{Kind: "command", Label: "run a", Command: "echo a-$BUILDKITE_BRANCH-$C", Agents: map[string]string{"queue": "q-a"}, Env: map[string]string{"D": "a$$"}}
	if diff := cmp.Diff(want, p.Steps[0]); diff != "" {
		t.Error(diff)
	}
}

func TestQueuesAreChecked(t *testing.T) {
	p := parse(t, "- command: a\n- command: b\n  agents: {queue: tset}\n- command: c\n  agents: {queue: test}\n- wait")
	err := p.CheckQueues([]slipway.Queue{"production", "test"})
	want := `pipeline.yml:1:3: there is no queue "default", which a step without agents: { queue: … } asks for; there are production, test
pipeline.yml:2:3`
	if got := slipway.MessageOf(err); !strings.HasPrefix(got, strings.Split(want, "\n")[0]) || !strings.Contains(got, `pipeline.yml:3:11: there is no queue "tset"; there are production, test`) {
		t.Error(got)
	}
	if err := p.CheckQueues([]slipway.Queue{"default", "test", "tset"}); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/slipway.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("env: {A: $B}\nsteps:\n- <<: &x {command: 'a ${A:-${B}}'}\n  depends_on: [{step: a}]\n- *x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := pipeline.Parse("p.yml", text)
		switch slipway.CodeOf(err) {
		case "":
			if len(p.Steps) == 0 {
				t.Error("no steps and no problem")
			}
		case slipway.Invalid, slipway.TooLarge:
		default:
			t.Error(err)
		}
	})
}
