package cli

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

func TestListsOfWhatThereIs(t *testing.T) {
	f := newFake(t)
	mei := api.Actor{Kind: "user", Name: "mei"}
	job := api.Actor{Kind: "job", Name: "search/3 Deploy To Test", For: "mei"}
	soon := time.Now()
	f.gives("releases", api.List[api.Release]{Items: []api.Release{{
		Service: "search", Number: 3, Commit: "3f9c1ab0", Subject: "Find\x1b[2J more", Image: "sha256:5d1e" + strings.Repeat("0", 58) + "c0",
		Build: "search/3", Actor: job, CreatedAt: soon, LiveIn: []string{"test"}}}})
	f.gives("agents", api.List[api.Agent]{Items: []api.Agent{{Name: "laptop-1", Queue: "test", State: "connected", LastSeen: soon},
		{Name: "laptop-2", Queue: "production", State: "lost", LastSeen: soon.Add(-time.Hour)}}})
	f.gives("users", api.List[api.User]{Items: []api.User{{Name: "mei", Role: "deployer", Environments: []string{"test"}}}})
	f.gives("builds", api.List[api.Build]{Items: []api.Build{{Repository: "search", Number: 3, State: "passed", Branch: "master",
		Commit: "3f9c1ab0", Subject: "Find more", Actor: mei, CreatedAt: soon, StartedAt: &soon, FinishedAt: new(soon.Add(8 * time.Second))}}})
	f.gives("events", api.EventPage{Items: []api.Event{
		{Seq: 1, Kind: "deployment.asked", Actor: job, Service: "search", Environment: "test", Text: "deploys @3"},
		{Seq: 2, Kind: "build.changed", Actor: api.Actor{Kind: "system", Name: "slipway"}, Build: "search/3", Text: "build search/3 passed"},
	}})
	f.gives("board", api.Board{Services: []api.BoardService{{Name: "search", Targets: []api.Target{{
		Environment: "test", URL: "http://127.0.0.1:7100", Release: 3, Ready: 1, Want: 1, Health: "healthy", Since: &soon,
		Instances: []api.Instance{{ID: "i-7f2", Release: 3, Phase: "backoff", Address: "127.0.0.1:41873", Why: "exit 137"}}}}}, {Name: "web", Targets: []api.Target{{
		Environment: "test", Release: 2, Instances: []api.Instance{{ID: "i-7f2"}}}}}}})
	f.gives("targets/web/test", api.Target{Environment: "test", Release: 3, Ready: 1, Want: 1, Health: "healthy", Since: &soon,
		Instances: []api.Instance{{ID: "i-7f2", Release: 3, Phase: "ready", Why: "warm",
			Uses: &api.Uses{CPUMS: 1, Busy: 0.123, Memory: 48_200_000}, Printed: &api.Printed{Warnings: 1, Errors: 3}}}})
	for args, want := range map[string]string{
		"releases search": "search@3  3f9c1ab  Find more  sha256:5d1e…c0  search/3  0 s ago  ● test\n",
		"agents":          "laptop-1  test        ● connected  heard 0 s ago\nlaptop-2  production  ✗ lost       heard 1 h ago\n",
		"user list":       "mei  deployer  test\n",
		"builds":          "search/3  ✓ passed  master  3f9c1ab  Find more  mei  0 s ago  8.0 s\n",
		"events": clock(time.Time{}) + "  deployment.asked     search/test  deploys @3  by mei (search/3 Deploy To Test)\n" +
			clock(time.Time{}) + "  build.changed        build search/3 passed\n",
		"status search": "search  test  @3   ● 1/1   0 s     http://127.0.0.1:7100\n  i-7f2       @3 ✗ backoff         127.0.0.1:41873        exit 137\n",
		"status web":    "web  test  @3   ● 1/1   0 s\n  i-7f2    @3 ● ready             12 % CPU, 48 MB, 3 errors, 1 warning  warm\n",
	} {
		out, errOut, code := run(t, strings.Fields(args)...)
		if out != want || code != 0 {
			t.Errorf("%s: exit %d %s\ngot:\n%swant:\n%s", args, code, errOut, out, want)
		}
		out, _, code = run(t, append(strings.Fields(args), "--json")...)
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) || code != 0 {
				t.Errorf("%s --json: exit %d %s", args, code, line)
			}
		}
	}
}

func TestTokensAreShownOnce(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /api/v1/users", func(w http.ResponseWriter, r *http.Request) {
		var u api.CreateUser
		_ = json.NewDecoder(r.Body).Decode(&u)
		answer(w, api.CreatedUser{User: u, Token: "slu_new"})
	})
	f.HandleFunc("POST /api/v1/agent-tokens", func(w http.ResponseWriter, r *http.Request) {
		var c api.CreateAgentToken
		_ = json.NewDecoder(r.Body).Decode(&c)
		answer(w, api.AgentToken{Token: "sla_new", Queues: c.Queues})
	})
	out, errOut, _ := run(t, "user", "add", "mei", "--role", "deployer", "--env", "test", "--env", "prod")
	if want := "mei is deployer in test, prod. Their token, shown this once:\nslu_new\n"; out != want {
		t.Errorf("%q %q, want %q", out, errOut, want)
	}
	out, errOut, _ = run(t, "agent-token", "--queue", "test")
	if want := "agents of test may register with this token, shown this once:\nsla_new\n"; out != want {
		t.Errorf("%q %q, want %q", out, errOut, want)
	}
	if _, errOut, code := run(t, "agent-token"); code != 2 {
		t.Errorf("no queue: exit %d %q", code, errOut)
	}
}
