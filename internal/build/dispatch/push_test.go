package dispatch_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
)

const design = `steps:
  - name: "Run my tests"
    command: "ci/bin/test"
    agents: { queue: test }
  - wait
  - name: "Deploy To Test"
    command: "ci/bin/deploy"
    branches: "master"
    agents: { queue: test }
  - block
  - name: "Deploy to Production"
    command: "ci/bin/deploy"
    branches: "master"
    agents: { queue: production }
`

func TestOnePushIsOneBuild(t *testing.T) {
	w := newWorld(t, design)
	p := w.change("refs/heads/master")
	first, _, err := w.Push(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := w.another().Push(t.Context(), p)
	if err != nil || again.ID != first.ID || first.Number != 1 {
		t.Fatalf("%v then %v: %v", first, again, err)
	}
	w.want(first.ID, "running: ready waiting waiting waiting waiting")
	if next := w.push("refs/heads/master"); next.Number != 2 {
		t.Fatalf("the next push is build %d", next.Number)
	}
	if !slices.Equal(first.Repositories, []slipway.RepositoryName{"backend", "build-scripts"}) {
		t.Errorf("jobs may fetch %v", first.Repositories)
	}
}

func TestWhatMakesNoBuild(t *testing.T) {
	w := newWorld(t, "")
	gone := w.change("refs/heads/master")
	gone.Old, gone.New = gone.New, gone.Old
	for note, p := range map[string]slipway.Push{
		"no pipeline: add .buildkite/pipeline.yml": w.change("refs/heads/master"),
		"deleted":                          gone,
		"only branches and tags are built": w.change("refs/notes/commits"),
	} {
		if b, got, err := w.Push(t.Context(), p); b != nil || err != nil || got != note {
			t.Errorf("%s: %v %q %v", p.Ref, b, got, err)
		}
	}
	w.source[dispatch.Files[1]] = "- command: a\n  agents: {queue: test}"
	w.push("refs/heads/master")
	w.source[dispatch.Files[0]] = "- wait"
	if b := w.push("refs/heads/master"); len(b.Jobs) != 1 || b.Jobs[0].Step.Kind != slipway.StepWait {
		t.Errorf("%s does not win over %s", dispatch.Files[0], dispatch.Files[1])
	}
}

func TestABrokenPipelineIsAFailedBuild(t *testing.T) {
	for text, why := range map[string]string{
		"steps:\n- comand: a":                           `.buildkite/pipeline.yml:2:3: unknown key "comand" in a command step; did you mean "command"?`,
		"- command: a\n  agents: {queue: prodution}":    `.buildkite/pipeline.yml:2:11: there is no queue "prodution"; there are test, production`,
		"- command: a":                                  `.buildkite/pipeline.yml:1:3: there is no queue "default", which a step without agents: { queue: … } asks for; there are test, production`,
		"steps: [" + strings.Repeat("x", 300<<10) + "]": `.buildkite/pipeline.yml is larger than 256 KiB`,
	} {
		w := newWorld(t, text)
		b := w.push("refs/heads/master")
		if b.State != slipway.BuildFailed || b.Why != why || len(b.Jobs) != 0 || b.FinishedAt.IsZero() {
			t.Errorf("%s: %s\ngot  %s\nwant %s", text[:min(40, len(text))], b.State, b.Why, why)
		}
	}
	w := newWorld(t, "- command: a\n  agents: {queue: linux}")
	w.agent("linux")
	w.want(w.push("refs/heads/master").ID, "running: ready")
}

func TestAuthorityIsTheServersPolicy(t *testing.T) {
	w := newWorld(t, design)
	for _, c := range []struct {
		ref  string
		test bool
	}{
		{"refs/heads/feature", false},
		{"refs/heads/main", true}, // the first of master and main
		{"refs/heads/master", false},
		{"refs/tags/main", false},
		{"refs/heads/main", true},
	} {
		a := w.push(c.ref).Authority
		if got := slices.Equal(a.Deploy["test"], []slipway.EnvironmentName{"test"}) && slices.Equal(a.Deploy["production"], []slipway.EnvironmentName{"prod"}); got != c.test {
			t.Errorf("%s may deploy: %v", c.ref, a.Deploy)
		}
		if !c.test && len(a.Deploy) != 0 {
			t.Errorf("%s may deploy: %v", c.ref, a.Deploy)
		}
	}
}

func TestABranchThatAsksForProduction(t *testing.T) {
	w := newWorld(t, "- command: slipway deploy prod\n  agents: {queue: production}")
	w.push("refs/heads/master")
	b := w.push("refs/heads/x$(id>&2)")
	agent := w.agent("production")
	w.finish(w.run(agent), 0) // the one of master
	a := w.take(agent)
	p, err := w.store.TokenPrincipal(t.Context(), hash(a.Token))
	if err != nil || a.Build.ID != b.ID {
		t.Fatal(err)
	}
	if p.CanDeploy("prod") || p.CanDeploy("test") || p.CanUnblock(nil) || p.CanPush() {
		t.Errorf("a job of a branch may too much: %+v", p)
	}
	if a.Job.Step.Command != "slipway deploy prod" || a.Build.Push.Branch() != "x$(id>&2)" {
		t.Errorf("%q on %q", a.Job.Step.Command, a.Build.Push.Branch())
	}
}
