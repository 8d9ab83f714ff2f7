package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// judgedDeployment holds its first weight, with evidence.
func judgedDeployment(verdict, why string) api.Deployment {
	return api.Deployment{
		ID: 77, Service: "web", Environment: "prod", From: 13, Release: 14, Kind: "deploy", Strategy: "canary", Phase: "progressing", Want: 2, At: 1,
		Stages:    []api.Stage{{Title: "ready", New: 1, Old: 2}, {Title: "10 %", Weight: 1000, Weighted: true, New: 1, Old: 2, HoldMS: 60000}, {Title: "100 %", Weight: 10000, Weighted: true, New: 2, Old: 2}},
		CreatedAt: noon.Add(-time.Minute), StartedAt: before(50 * time.Second), HeldSince: before(40 * time.Second), Actor: api.Actor{Name: "ada"},
		Why:   []api.Why{{At: noon, Text: "@14 gets 10 % of the traffic"}},
		Gates: []api.Gate{{Gate: "evidence", State: "inconclusive", Why: "said earlier"}, {Gate: "freeze", State: "wait", Why: "until 13:00"}},
		Evidence: &api.Evidence{Verdict: verdict, Why: why, Errors: []api.NewError{{Title: "IllegalStateException: no\x1b[2J route", Canary: 12}},
			History: []api.EvidencePoint{{At: noon}}},
	}
}

const (
	known     = "INCONCLUSIVE: 210 requests; excluding a tenfold rise would need about 650."
	undecided = known + " Wait (53 min) or promote by hand."
	byHand    = "next  slipway promote 77 · slipway abort 77"
)

func TestTheVerdictIsSaidUnderItsStage(t *testing.T) {
	d := judgedDeployment("inconclusive", undecided)
	var out strings.Builder
	s := &screen{out: &out, terminal: true, width: 200}
	if err := newProgress(s, d).show(d, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.deployment(d, noon); err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.SplitAfter(out.String(), "100 %\n") {
		lines := strings.Split(part, "\n")
		for n, line := range lines {
			if strings.Contains(line, "⠼ 10 %") && (lines[n+1] != "    ○ "+undecided || !strings.Contains(lines[n+2], "IllegalStateException: no route  12× (0× of what serves)") || lines[n+3] != "      "+byHand) {
				t.Errorf("after the stage: %q, %q", lines[n+1], lines[n+2])
			}
		}
	}
	if got := out.String(); strings.Count(got, undecided) != 2 || strings.Contains(got, "said earlier") || !strings.Contains(got, "until 13:00") {
		t.Error(got)
	}
}

// What a metric lacks is said, unless the verdict has said it.
func TestWhatAMetricLacksIsSaidOnce(t *testing.T) {
	const lacks = "there is no counter of its failures"
	for _, why := range []string{undecided, "INCONCLUSIVE: 210 requests; orders: " + lacks + "."} {
		d := judgedDeployment("inconclusive", why)
		d.Evidence.Metrics = []api.EvidenceMetric{{Name: "errors"}, {Name: "orders", Lacks: lacks}}
		var out strings.Builder
		if err := (&screen{out: &out, width: 200}).deployment(d, noon); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); strings.Count(got, lacks) != 1 || strings.Contains(got, "\n      orders  "+lacks+"\n") != (why == undecided) {
			t.Error(got)
		}
	}
}

// A terminal is narrow: what can be done is not cut away, and is said once.
func TestAVerdictIsWholeOnATerminal(t *testing.T) {
	d := judgedDeployment("inconclusive", undecided)
	d.Why = append(d.Why, api.Why{At: noon, Text: "waits for evidence: " + undecided})
	var out strings.Builder
	s := &screen{out: &out, terminal: true, width: 60}
	if err := newProgress(s, d).show(d, noon); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "    ○ INCONCLUSIVE: 210 requests; excluding a tenfold rise\n      would need about 650. Wait (53 min) or promote by\n      hand.\n") ||
		!strings.Contains(got, "⠼ 10 %       @14 gets 10 % of the traffic  40.0 s of 1 min\n") || strings.Contains(got, "waits for evidence") {
		t.Error(got)
	}
	out.Reset()
	d = judgedDeployment("rollback", "ROLLED BACK after 115 canary requests")
	d.Phase, d.Ended, d.FinishedAt = "rolled_back", true, &noon
	d.Why = append(d.Why, api.Why{At: noon, Text: "goes back to @13: ROLLED BACK after 115 canary requests: errors 4.3 % against 0 %"})
	if err := newProgress(s, d).show(d, noon); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "  why   goes back to @13: ROLLED BACK after 115 canary\n        requests: errors 4.3 % against 0 %\n") || !strings.HasSuffix(got, "· deploy again\n") {
		t.Error(got)
	}
}

func TestWithoutATerminalEachNewVerdictIsALine(t *testing.T) {
	var out strings.Builder
	p := newProgress(&screen{out: &out}, judgedDeployment("", ""))
	for _, d := range []api.Deployment{
		judgedDeployment("inconclusive", undecided), judgedDeployment("inconclusive", "INCONCLUSIVE: 211 requests"), judgedDeployment("continue", "CONTINUE: 650 requests"),
		judgedDeployment("inconclusive", "INCONCLUSIVE: 660 requests"), judgedDeployment("continue", "CONTINUE: 670 requests"), // by a hair
	} {
		if err := p.show(d, noon); err != nil {
			t.Fatal(err)
		}
	}
	_, got, _ := strings.Cut(out.String(), "of the traffic\n")
	same(t, got, clock(noon)+"  evidence: "+undecided+"\n"+clock(noon)+"  evidence: CONTINUE: 650 requests\n")
}

func TestWhatWentBackByEvidenceHasAPicture(t *testing.T) {
	d := judgedDeployment("rollback", "ROLLED BACK after 115 canary requests")
	d.Phase, d.Ended, d.FinishedAt = "rolled_back", true, &noon
	d.Why = append(d.Why, api.Why{At: noon, Text: "goes back to @13: ROLLED BACK after 115 canary requests"})
	got := strings.Join((&screen{}).ending(d), "\n")
	for _, want := range []string{"why   goes back to @13: ROLLED BACK after", "next  slipway deployment 77 --picture why.svg · slipway logs web prod"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

// firstDeployment is held, since it is worse than is tolerated and nothing served before.
func firstDeployment() api.Deployment {
	const why = "WORSE after 640 requests (64 s): errors 2.1 % with nothing beside it; 1 % are tolerated."
	d := judgedDeployment("worse", why)
	d.From, d.At = 0, 0
	d.Stages = []api.Stage{{Title: "100 %", Weight: 10000, Weighted: true, New: 2, HoldMS: 60000}}
	d.Gates = []api.Gate{{Gate: "evidence", State: "inconclusive", Why: why}}
	d.Why = []api.Why{{At: noon, Text: "is held: " + why}}
	d.Evidence.First = true
	return d
}

func TestAFirstReleaseThatIsWorseSaysWhatToDo(t *testing.T) {
	d := firstDeployment()
	var out strings.Builder
	s := &screen{out: &out, width: 200}
	if err := newProgress(s, d).show(d, noon); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "WORSE after") != 1 {
		t.Errorf("who follows it reads\n%s", got)
	}
	out.Reset()
	if err := s.deployment(d, noon); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"    ✗ WORSE after 640 requests", "IllegalStateException: no route  12×\n", "next  slipway deployment 77 --picture why.svg · slipway promote 77 · slipway abort 77"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestAFirstReleaseIsTakenAway(t *testing.T) {
	d := firstDeployment()
	f := newFake(t)
	f.HandleFunc("POST /api/v1/deployments/77/abort", func(w http.ResponseWriter, _ *http.Request) { answer(w, d) })
	if out, errOut, code := run(t, "abort", "77"); code != 0 || !strings.HasPrefix(out, "deployment 77 takes web away from prod, where nothing served before.") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	d.Phase, d.Ended, d.FinishedAt = "rolled_back", true, &noon
	d.Why = append(d.Why, api.Why{At: noon, Text: "takes @14 away: it was aborted"})
	got := strings.Join((&screen{}).ending(d), "\n")
	for _, want := range []string{"✗ web@14 was taken away from prod. Nothing served there before.", "why   takes @14 away: it was aborted", "--picture why.svg"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

func TestStatusSaysTheVerdict(t *testing.T) {
	d := judgedDeployment("inconclusive", undecided)
	target := api.Target{Service: "web", Environment: "prod", Release: 13, Ready: 2, Want: 2, Health: "healthy", Moving: &d}
	f := newFake(t)
	f.gives("board", api.Board{Environments: []string{"prod"}, Services: []api.BoardService{{Name: "web", Targets: []api.Target{target}}}})
	if out, _, _ := run(t, "status"); !strings.Contains(out, "→ @14 stage 2 of 3, 10 %") || !strings.Contains(out, ": "+known+"\n") {
		t.Error(out)
	}
	if out, _, _ := run(t, "status", "web"); strings.Count(out, undecided) != 1 || !strings.Contains(out, "  ○ "+undecided) || !strings.Contains(out, byHand) || !strings.Contains(out, "until 13:00") {
		t.Error(out)
	}
	if out, _, _ := run(t, "status", "--json"); !strings.Contains(out, `"verdict":"inconclusive"`) {
		t.Error(out)
	}
}

// Who promotes or aborts is told what was known, and not what could be done
// instead.
func TestAnAbortedDeploymentSaysWho(t *testing.T) {
	d := judgedDeployment("inconclusive", undecided)
	d.Phase, d.Ended, d.FinishedAt = "rolled_back", true, &noon
	d.Why = append(d.Why, api.Why{At: noon, Text: "ada asked to abort deployment 77; evidence: " + known}, api.Why{At: noon, Text: "goes back to @13: it was aborted"},
		api.Why{At: noon, Text: "i-3 drained in 17 ms (0 requests left)"}, api.Why{At: noon, Text: "@13 serves as before: 2 of 2 ready"})
	var out strings.Builder
	s := &screen{out: &out}
	if err := s.deployment(d, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.service(api.BoardService{Name: "web", Targets: []api.Target{{Service: "web", Environment: "prod", Release: 13, Last: &d}}}, noon); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{"    ○ " + known + "\n", "  why   ada asked to abort deployment 77; evidence: " + known + "\n", "· again: slipway deploy prod web@14\n",
		"  @14: ada asked to abort deployment 77; evidence: " + known + "   more: slipway deployment 77\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, byHand) || strings.Contains(got, "mend it") {
		t.Error(got)
	}
}

func TestStatusSaysWhyItWentBack(t *testing.T) {
	d := judgedDeployment("rollback", "")
	d.Phase, d.Ended, d.FinishedAt = "rolled_back", true, &noon
	d.Why = append(d.Why, api.Why{At: noon, Text: "goes back to @13: ROLLED BACK after 115 canary requests"})
	var out strings.Builder
	if err := (&screen{out: &out}).service(api.BoardService{Name: "web", Targets: []api.Target{{Service: "web", Environment: "prod", Release: 13, Last: &d}}}, noon); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasSuffix(got, "  @14: ROLLED BACK after 115 canary requests   more: slipway deployment 77\n") {
		t.Error(got)
	}
}

func TestAHoldThatIsOverSaysSo(t *testing.T) {
	d := judgedDeployment("inconclusive", undecided)
	if got := holding(d, noon); got != "40.0 s of 1 min" {
		t.Error(got)
	}
	if got := holding(d, noon.Add(time.Minute)); got != "1 min 40 s, at least 1 min" {
		t.Error(got)
	}
}

func TestWhatItIsJudgedByIsKept(t *testing.T) {
	f := newFake(t)
	for form, text := range map[string]string{"svg": "<svg/>", "csv": "nC,xC,nB,xB\n"} {
		f.HandleFunc("GET /api/v1/deployments/77/evidence."+form, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	f.HandleFunc("GET /api/v1/deployments/78/evidence.svg", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 404, "not_found", "deployment 78 is not judged by evidence")
	})
	file := filepath.Join(t.TempDir(), "why.svg")
	out, errOut, code := run(t, "deployment", "77", "--picture", file, "--counts", "-")
	if text, err := os.ReadFile(file); err != nil || string(text) != "<svg/>" || out != "nC,xC,nB,xB\n" || code != 0 {
		t.Errorf("exit %d: %s%s, kept %q, %v", code, out, errOut, text, err)
	}
	missing := filepath.Join(t.TempDir(), "no", "why.svg")
	if _, errOut, code := run(t, "deployment", "77", "--picture", missing); code != 2 || !strings.Contains(errOut, "why.svg cannot be written: no such file or directory") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if _, errOut, code := run(t, "deployment", "78", "--picture", file); code == 0 || !strings.Contains(errOut, "not judged by evidence") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "<svg/>" {
		t.Errorf("what was kept is %q, %v", text, err)
	}
}
