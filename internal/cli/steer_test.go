package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

func canaryStages() []api.Stage {
	return []api.Stage{
		{New: 1, Old: 10, Title: "tests", Order: "surge", Weighted: true, Tests: true},
		{New: 1, Old: 10, Title: "10 %", Weight: 1000, Order: "surge", Weighted: true, Leased: true, HoldMS: 300_000},
		{New: 10, Old: 10, Title: "100 %", Weight: 10000, Order: "surge", Weighted: true},
	}
}

func TestThePlanBeforeAnythingMoves(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /api/v1/plans", func(w http.ResponseWriter, r *http.Request) {
		var ask api.CreateDeployment
		if json.NewDecoder(r.Body).Decode(&ask) != nil || ask.Release != 14 || !ask.Older {
			t.Errorf("asked for %+v", ask)
		}
		answer(w, api.Plan{
			Service: "web", Environment: "prod", Kind: "deploy", From: 13, Release: 14, Strategy: "canary", Have: 10, Want: 10,
			Text:   "canary: from 10 instances of @13 to 10 of @14, at 10 %, 100 %",
			Gates:  []api.Gate{{Gate: "lock", State: "pass", Why: "no lock"}, {Gate: "freeze", State: "wait", Why: "frozen until Monday"}},
			Stages: canaryStages(), Tests: &api.Tests{Command: "ci/bin/probe", Queue: "production", TimeoutMS: 600_000},
			KeepOldMS: 600_000, Limits: []string{"A worker cannot say that it is idle."},
		})
	})
	out, errOut, code := run(t, "deploy", "prod", "web@14", "--plan", "--older")
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	same(t, out, `
web  prod  @13 → @14   canary, 10 instances   (a plan: nothing moves)
  canary: from 10 instances of @13 to 10 of @14, at 10 %, 100 %
  gates   ✓ lock      no lock
          ⠼ freeze    frozen until Monday
  ① tests    1 new   10 old   ci/bin/probe on queue production, within 10 min
  ② 10 %     1 new   10 old   hold 5 min
  ③ 100 %   10 new   10 old   then the old ones are kept 10 min for an instant return
  note    A worker cannot say that it is idle.
`)
}

func TestProgressOfACanary(t *testing.T) {
	d := api.Deployment{
		ID: 77, Service: "web", Environment: "prod", From: 13, Release: 14, Strategy: "canary", Phase: "progressing", Want: 10,
		At: 1, Stages: canaryStages(), Weight: 1000, StartedAt: before(time.Minute), HeldSince: before(50 * time.Second), URL: "http://s/deployments/77",
		Why: []api.Why{
			{At: noon.Add(-time.Minute), Text: "canary: from 10 instances of @13 to 10 of @14, at 10 %, 100 %"},
			{At: noon.Add(-55 * time.Second), Text: "i-1 ready in 180 ms"},
			{At: noon.Add(-50 * time.Second), Text: "@14 gets 10 % of the traffic"},
		},
	}
	got := strings.Join(newProgress(&screen{width: plainWidth, terminal: true}, d).stages(d, noon), "\n") + "\n"
	same(t, got, `
web  prod  @13 → @14   canary, 10 instances   (by , http://s/deployments/77)
  ✓ start      canary: from 10 instances of @13 to 10 of @14, at 10 %, 100 %
  ✓ tests      i-1 ready in 180 ms
  ⠼ 10 %       @14 gets 10 % of the traffic  50.0 s of 5 min
    100 %
`)
	d.At, d.Weight, d.HeldSince = 0, 0, nil
	d.Tests = &api.Tests{Command: "ci/bin/probe", Queue: "production", State: "running", LogTail: []string{"1", "2", "3", "4", "5"}}
	d.Gates = []api.Gate{{Gate: "evidence", State: "wait", Why: "too few requests"}}
	d.Why = d.Why[:2]
	got = strings.Join(newProgress(&screen{width: plainWidth, terminal: true}, d).stages(d, noon)[2:], "\n") + "\n"
	same(t, got, `
  ⠼ tests      i-1 ready in 180 ms
    ⠼ running  ci/bin/probe on queue production
      2
      3
      4
      5
    ⠼ evidence  too few requests
    10 %
    100 %
`)
}

func TestRemovingIsAskedFor(t *testing.T) {
	f := newFake(t)
	f.gives("board", api.Board{Environments: []string{"test", "prod"}, Services: []api.BoardService{{
		Name: "web", Kind: "web", Targets: []api.Target{{Service: "web", Environment: "test", Release: 2}, {Service: "web", Environment: "prod"}},
	}}})
	removed := ""
	f.HandleFunc("POST /api/v1/targets/web/{env}/remove", func(w http.ResponseWriter, r *http.Request) {
		removed += r.PathValue("env")
		answer(w, api.Target{Service: "web", Environment: r.PathValue("env")})
	})
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"services", "rm", "web"}, 2, "Remove web from test? Nobody is there to answer.\nsay it beforehand: --yes\n"},
		{[]string{"services", "rm", "web", "prod"}, 1, "nothing of web runs in prod\n"},
		{[]string{"services", "rm", "web", "mars"}, 4, "no environment \"mars\"; there are test, prod\n"},
		{[]string{"scale", "web", "prod"}, 2, "give either a number of instances or --manifest"},
		{[]string{"scale", "web", "prod", "none"}, 2, "\"none\" is not a number of instances from 1 to 1000"},
	} {
		if _, errOut, code := run(t, c.args...); code != c.code || !strings.Contains(errOut, c.says) {
			t.Errorf("%v: exit %d, %q; want %d, %q", c.args, code, errOut, c.code, c.says)
		}
	}
	if removed != "" {
		t.Fatalf("removed from %s without having been asked", removed)
	}
	if out, errOut, code := run(t, "services", "rm", "web", "--yes"); code != 0 || removed != "test" || !strings.Contains(out, "nothing of web runs in test any more") {
		t.Errorf("exit %d, removed from %q: %s%s", code, removed, out, errOut)
	}
}

func TestOneDeploymentIsShown(t *testing.T) {
	f := newFake(t)
	at := time.Now().Add(-time.Minute)
	f.gives("deployments/77", api.Deployment{
		ID: 77, Service: "web", Environment: "prod", Kind: "deploy", From: 13, Release: 14, Strategy: "canary", Phase: "progressing", Want: 10,
		At: 1, Stages: canaryStages(), CreatedAt: at, StartedAt: &at, Actor: api.Actor{Name: "mei"}, Build: "web/12", URL: "http://s/deployments/77",
		Passed: []api.Gate{{Gate: "lock", State: "pass", Why: "no lock"}},
		Gates:  []api.Gate{{Gate: "evidence", State: "wait", Why: "too few requests"}},
		Why:    []api.Why{{At: at, Text: "canary: from 10 instances of @13 to 10 of @14"}, {At: at, Text: "@14 gets 10 % of the traffic"}},
	})
	out, errOut, code := run(t, "deployment", "77")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	same(t, out, `
web  prod  @13 → @14   canary, 10 instances   (by mei, http://s/deployments/77)
  deploy 77   stage 2 of 3, 10 %   1 min ago   build web/12
  ✓ gate lock      no lock
  ⠼ gate evidence  too few requests
  ✓ tests    1 new   10 old
  ⠼ 10 %     1 new   10 old   hold 5 min
    100 %   10 new   10 old
  why   `+clock(at)+`  canary: from 10 instances of @13 to 10 of @14
        `+clock(at)+`  @14 gets 10 % of the traffic
`)
	if out, _, code := run(t, "deployment", "77", "--json"); code != 0 || !strings.Contains(out, `"why":[{"at":`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, errOut, code := run(t, "deployment", "x"); code != 2 || !strings.Contains(errOut, `"x" is not the number of a deployment`) {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestARestartGoesOverAFreeze(t *testing.T) {
	f := newFake(t)
	var asked api.CreateDeployment
	f.HandleFunc("POST /api/v1/deployments", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&asked)
		problem(w, 403, "forbidden", "no")
	})
	if _, _, code := run(t, "restart", "web", "prod", "--override", "--why", "it leaks"); code != 3 || asked.Kind != "restart" || asked.Override != "it leaks" {
		t.Errorf("exit %d, asked for %+v", code, asked)
	}
	if _, errOut, code := run(t, "restart", "web", "prod", "--override"); code != 2 || !strings.Contains(errOut, "say it: --override --why TEXT") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestTheLogOfTestsBeforeTraffic(t *testing.T) {
	f := newFake(t)
	f.gives("deployments/77", api.Deployment{ID: 77, Tests: &api.Tests{Job: "job-1"}})
	f.gives("deployments/78", api.Deployment{ID: 78, Service: "web", Environment: "prod"})
	f.HandleFunc("GET /api/v1/jobs/job-1/log", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("probing\n")) })
	if out, errOut, code := run(t, "logs", "--deployment", "77"); out != "probing\n" || code != 0 {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	for args, want := range map[string]string{
		"logs --deployment 78":           "deployment 78 has no tests before traffic\nwhat its instances print: slipway logs web prod",
		"logs --deployment 0":            "0 is not the number of a deployment",
		"logs web prod --deployment 77":  "give either a service and its environment or --deployment",
		"logs --deployment 77 --tail 10": "--tail is for instances; the log of tests is shown whole",
		"logs web":                       "an argument is missing",
	} {
		if _, errOut, code := run(t, strings.Fields(args)...); code == 0 || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit %d: %s", args, code, errOut)
		}
	}
}
