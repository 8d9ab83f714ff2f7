package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

var until = time.Date(2026, 3, 4, 14, 0, 0, 0, time.Local)

func prodLock() api.Lock {
	return api.Lock{Environment: "prod", Why: "database\x1b[2J migration", Actor: api.Actor{Name: "mei"}, Until: until}
}

func TestWhatIsDeclaredIsShown(t *testing.T) {
	f := newFake(t)
	clock := until.Format("Mon 2 Jan 15:04 MST")
	f.gives("locks", api.List[api.Lock]{Items: []api.Lock{prodLock(), {Environment: "prod", Service: "web", Why: "mine", Actor: api.Actor{Name: "jon"}, Until: until}}})
	f.gives("environments", api.Environments{Version: 3, Commit: "3f9c1ab0", Actor: api.Actor{Name: "ada"}, Source: "environments:\n  test:\n\n",
		Environments: []api.Environment{
			{Name: "test", Facts: []api.Fact{{Name: "driver", Value: "process"}, {Name: "queue", Value: "test"}}, Idle: "no agent of queue test is connected: its jobs wait", Start: "slipway up --queue test, or alone: slipway agent --queue test"},
			{Name: "prod", Previous: "test", Facts: []api.Fact{{Name: "driver", Value: "process"}, {Name: "previous", Value: "test"}}, Frozen: "prod is frozen until Mon 08:00 UTC: weekend", Locks: []api.Lock{prodLock()}},
		},
		Drift: &api.Drift{Commit: "91be2f00", Changes: []api.EnvironmentChange{
			{Environment: "stage", Kind: "added", Differences: []api.Difference{{Name: "queue", To: "stage"}}},
			{Environment: "prod", Kind: "changed", Differences: []api.Difference{{Name: "approvals", To: "1 by a deployer"}}},
			{Environment: "old", Kind: "removed"},
		}}})
	f.gives("diff", api.EnvironmentDiff{From: "test", To: "prod", Differences: []api.Difference{{Name: "queue", From: "test", To: "production"}}, Services: []api.ServiceDiff{
		{Service: "web", Differences: []api.Difference{{Name: "release", From: "@3", To: "@2"}, {Name: "env LOG_LEVEL", From: "info"}}},
		{Service: "search"},
	}})
	for args, want := range map[string]string{
		"locks": "prod         by mei  until " + clock + "  database migration\nweb in prod  by jon  until " + clock + "  mine\n",
		"environments": "test              driver process · queue test\n                  ◐ no agent of queue test is connected: its jobs wait; start one: slipway up --queue test, or alone: slipway agent --queue test\nprod  after test  driver process\n" +
			"                  ■ prod is frozen until Mon 08:00 UTC: weekend\n" +
			"                  ■ prod is locked by mei until " + clock + ": database migration\n" +
			"version 3, pushed by ada at 3f9c1ab\n◐ the head of the repository platform, 91be2f0, says otherwise; it would change:\n" +
			"  +  stage  queue stage\n  ~  prod   approvals: – → 1 by a deployer\n  -  old\n",
		"environments --yaml": "environments:\n  test:\n",
		"diff test prod": "                           test  prod\n(declared)  queue          test  production\nweb         release        @3    @2\n" +
			"            env LOG_LEVEL  info  –\nsearch      the same\n",
	} {
		out, errOut, code := run(t, strings.Fields(args)...)
		if out != want || code != 0 {
			t.Errorf("%s: exit %d %s\ngot:\n%s\nwant:\n%s", args, code, errOut, out, want)
		}
	}
}

func TestLockAndApprove(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /api/v1/locks", func(w http.ResponseWriter, r *http.Request) {
		var c api.CreateLock
		_ = json.NewDecoder(r.Body).Decode(&c)
		answer(w, api.Lock{Environment: c.Environment, Service: c.Service, Why: c.Why, Until: until.Add(time.Duration(c.ForMS)*time.Millisecond - 48*time.Hour)})
	})
	f.HandleFunc("POST /api/v1/locks/remove", func(w http.ResponseWriter, r *http.Request) { answer(w, prodLock()) })
	f.HandleFunc("POST /api/v1/deployments/77/approve", func(w http.ResponseWriter, r *http.Request) {
		answer(w, api.Deployment{ID: 77, Service: "web", Environment: "prod", Release: 3, URL: "http://d/77"})
	})
	for args, want := range map[string]string{
		"lock prod web --why mine --for 2d": "web in prod is locked until " + until.Format("Mon 2 Jan 15:04 MST") + ": mine\n",
		"unlock prod":                       "prod is not locked any more; mei had: database migration\n",
		"approve 77":                        "you approved deployment 77, web@3 to prod. http://d/77\n",
	} {
		out, errOut, code := run(t, strings.Fields(args)...)
		if out != want || code != 0 {
			t.Errorf("%s: exit %d %s\n%s", args, code, errOut, out)
		}
	}
	for args, want := range map[string]string{
		"lock prod --why mine":         "slipway: a lock needs an end, so that none is left behind\nsay how long: --for 2h\n",
		"lock prod --for 2h":           "slipway: others will ask why\nsay it: --why TEXT\n",
		"lock prod --why x --for 31d":  "slipway: --for must be a time from 1s to 30d, such as 30m, 2h or 3d, not \"31d\"\n",
		"lock prod --why x --for soon": "slipway: --for must be a time from 1s to 30d, such as 30m, 2h or 3d, not \"soon\"\n",
		"approve it":                   "slipway: \"it\" is not the number of a deployment\nsee what moves and what waits: slipway status\n",
		"deploy prod web@1 --override": "slipway: others will ask why it was overridden\nsay it: --override --why TEXT\n",
		"rollback web prod --why x":    "slipway: --why goes with --override\n",
		"apply nowhere.yaml":           "slipway: there is no nowhere.yaml\nto begin with what is applied: slipway environments --yaml >nowhere.yaml\n",
	} {
		_, errOut, code := run(t, strings.Fields(args)...)
		if errOut != want || code == 0 {
			t.Errorf("%s: exit %d %s", args, code, errOut)
		}
	}
}

func TestApplyShowsAndAsks(t *testing.T) {
	f := newFake(t)
	var asked []api.Apply
	f.HandleFunc("POST /api/v1/environments", func(w http.ResponseWriter, r *http.Request) {
		var a api.Apply
		_ = json.NewDecoder(r.Body).Decode(&a)
		asked = append(asked, a)
		done := api.Applied{Version: 2, DryRun: a.DryRun, Changes: []api.EnvironmentChange{{Environment: "old", Kind: "removed"}}}
		if !a.DryRun {
			done.Version = 3
		}
		answer(w, done)
	})
	file := filepath.Join(t.TempDir(), "environments.yaml")
	if err := os.WriteFile(file, []byte("environments: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := "it would change the environments:\n  -  old\n"
	if out, _, code := run(t, "apply", file, "--dry-run"); out != shown || code != 0 || len(asked) != 1 {
		t.Errorf("exit %d\n%s", code, out)
	}
	if out, errOut, code := run(t, "apply", file); out != shown || code != 1 || len(asked) != 2 || !strings.Contains(errOut, "nothing was applied") {
		t.Errorf("nobody said yes: exit %d\n%s%s", code, out, errOut)
	}
	if _, errOut, code := run(t, "apply", file, "--json"); code != 2 || !strings.Contains(errOut, "with --json nobody is asked") || len(asked) != 3 {
		t.Errorf("asked about what was not shown: exit %d\n%s", code, errOut)
	}
	out, _, code := run(t, "apply", file, "--yes")
	if out != shown+"applied: the environments are at version 3\n" || code != 0 || asked[4].DryRun || *asked[4].Version != 2 {
		t.Errorf("exit %d\n%s", code, out)
	}
}
