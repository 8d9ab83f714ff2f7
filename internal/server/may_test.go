package server_test

import (
	"context"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// call is one call of the API, made as somebody.
type call struct {
	name string
	do   func(context.Context, *api.Client) error
}

var calls = []call{
	{"whoami", func(ctx context.Context, c *api.Client) error { _, err := c.Whoami(ctx); return err }},
	{"board", func(ctx context.Context, c *api.Client) error { _, err := c.Board(ctx); return err }},
	{"target", func(ctx context.Context, c *api.Client) error { _, err := c.Target(ctx, "web", "prod"); return err }},
	{"builds", func(ctx context.Context, c *api.Client) error { _, err := c.Builds(ctx, "web", 10); return err }},
	{"build", func(ctx context.Context, c *api.Client) error { _, err := c.Build(ctx, "web", 1); return err }},
	{"job log", func(ctx context.Context, c *api.Client) error { return read(c.JobLog(ctx, "job-1", 0, false)) }},
	{"releases", func(ctx context.Context, c *api.Client) error { _, err := c.Releases(ctx, "", 0); return err }},
	{"deployments", func(ctx context.Context, c *api.Client) error { _, err := c.Deployments(ctx, "", "", 0); return err }},
	{"deployment", func(ctx context.Context, c *api.Client) error { _, err := c.Deployment(ctx, 1); return err }},
	{"evidence", func(ctx context.Context, c *api.Client) error { _, err := c.Evidence(ctx, 1); return none(err) }},
	{"counts", func(ctx context.Context, c *api.Client) error { return none(read(c.EvidenceCSV(ctx, 1, false))) }},
	{"picture", func(ctx context.Context, c *api.Client) error { return none(read(c.EvidencePicture(ctx, 1))) }},
	{"plan", func(ctx context.Context, c *api.Client) error {
		_, err := c.Plan(ctx, api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy"})
		return err
	}},
	{"events", func(ctx context.Context, c *api.Client) error {
		for _, err := range c.Events(ctx, 0, false, api.EventFilter{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{"environments", func(ctx context.Context, c *api.Client) error { _, err := c.Environments(ctx); return err }},
	{"declarations", func(ctx context.Context, c *api.Client) error { _, err := c.Declarations(ctx, 0); return err }},
	{"diff", func(ctx context.Context, c *api.Client) error { _, err := c.Diff(ctx, "test", "prod"); return err }},
	{"locks", func(ctx context.Context, c *api.Client) error { _, err := c.Locks(ctx); return err }},
	{"agents", func(ctx context.Context, c *api.Client) error { _, err := c.Agents(ctx); return err }},
	{"routers", func(ctx context.Context, c *api.Client) error { _, err := c.Routers(ctx); return err }},
	{"users", func(ctx context.Context, c *api.Client) error { _, err := c.Users(ctx); return err }},
	{"output test", func(ctx context.Context, c *api.Client) error {
		return read(c.Output(ctx, "web", "test", api.OutputQuery{}))
	}},
	{"output prod", func(ctx context.Context, c *api.Client) error {
		return read(c.Output(ctx, "web", "prod", api.OutputQuery{}))
	}},
	{"config test", func(ctx context.Context, c *api.Client) error { _, err := c.Settings(ctx, "web", "test"); return err }},
	{"config prod", func(ctx context.Context, c *api.Client) error { _, err := c.Settings(ctx, "web", "prod"); return err }},
	{"configs prod", func(ctx context.Context, c *api.Client) error {
		_, err := c.SettingsHistory(ctx, "web", "prod")
		return err
	}},
	{"secrets test", func(ctx context.Context, c *api.Client) error { _, err := c.Secrets(ctx, "web", "test"); return err }},
	{"secrets prod", func(ctx context.Context, c *api.Client) error { _, err := c.Secrets(ctx, "web", "prod"); return err }},
	{"set config test", func(ctx context.Context, c *api.Client) error { return setConfig(ctx, c, "test") }},
	{"set config prod", func(ctx context.Context, c *api.Client) error { return setConfig(ctx, c, "prod") }},
	{"set secret test", func(ctx context.Context, c *api.Client) error { return setSecret(ctx, c, "test") }},
	{"set secret prod", func(ctx context.Context, c *api.Client) error { return setSecret(ctx, c, "prod") }},
	{"retire secret prod", func(ctx context.Context, c *api.Client) error {
		_, err := c.RetireSecret(ctx, "web", "prod", "KEY", 1)
		return err
	}},
	{"scale test", func(ctx context.Context, c *api.Client) error { _, err := c.Scale(ctx, "web", "test", 3); return err }},
	{"scale prod", func(ctx context.Context, c *api.Client) error { _, err := c.Scale(ctx, "web", "prod", 3); return err }},
	{"remove prod", func(ctx context.Context, c *api.Client) error { _, err := c.Remove(ctx, "web", "prod"); return err }},
	{"rotate key", func(ctx context.Context, c *api.Client) error { _, err := c.RotateKey(ctx); return err }},
	{"prune", func(ctx context.Context, c *api.Client) error { _, err := c.Prune(ctx, true); return err }},
	{"forget router", func(ctx context.Context, c *api.Client) error { _, err := c.ForgetRouter(ctx, "edge"); return err }},
	{"add user", func(ctx context.Context, c *api.Client) error {
		_, err := c.AddUser(ctx, api.CreateUser{Name: "x" + time.Now().Format("150405.000000000"), Role: "viewer"})
		return err
	}},
	{"add agent token", func(ctx context.Context, c *api.Client) error { _, err := c.AddAgentToken(ctx, "test"); return err }},
	{"add router token", func(ctx context.Context, c *api.Client) error { _, err := c.AddRouterToken(ctx, "edge"); return err }},
	{"login link", func(ctx context.Context, c *api.Client) error { _, err := c.LoginLink(ctx); return err }},
	{"publish", func(ctx context.Context, c *api.Client) error {
		_, err := c.PublishRelease(ctx, api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"})
		return err
	}},
	{"deploy test", func(ctx context.Context, c *api.Client) error {
		_, err := c.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy"})
		return err
	}},
	{"deploy prod", func(ctx context.Context, c *api.Client) error {
		_, err := c.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy"})
		return err
	}},
	{"abort prod", func(ctx context.Context, c *api.Client) error { _, err := c.Abort(ctx, 1); return err }},
	{"promote prod", func(ctx context.Context, c *api.Client) error { _, err := c.Promote(ctx, 1, api.Promote{}); return err }},
	{"unblock", func(ctx context.Context, c *api.Client) error {
		_, err := c.Unblock(ctx, "web", 1, "job-2")
		return err
	}},
	{"cancel", func(ctx context.Context, c *api.Client) error { _, err := c.CancelBuild(ctx, "web", 1); return err }},
}

// none is no error when all that is wrong is that there is nothing: only who may
// look is told.
func none(err error) error {
	if codeOf(err) == "not_found" {
		return nil
	}
	return err
}

func read(r io.ReadCloser, err error) error {
	if err == nil {
		_ = r.Close()
	}
	return err
}

func setConfig(ctx context.Context, c *api.Client, env string) error {
	_, err := c.ChangeSettings(ctx, "web", env, api.ChangeSettings{Set: map[string]string{"LEVEL": "debug"}, Later: true})
	return err
}

func setSecret(ctx context.Context, c *api.Client, env string) error {
	_, err := c.SetSecret(ctx, "web", env, "KEY", api.SetSecret{Value: []byte("opensesame"), Later: true})
	return err
}

// decidedBehind are the calls about which the platform decides, given who asks:
// its own tests hold who may.
var decidedBehind = []string{"POST /api/v1/environments", "POST /api/v1/locks", "POST /api/v1/locks/remove", "POST /api/v1/deployments/{id}/approve"}

func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	for _, env := range []string{"prod", "test"} { // deployment 1 is of prod
		if _, err := w.admin.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: env, Kind: "deploy"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the first can be retired
		if err := setSecret(t.Context(), w.admin, "prod"); err != nil {
			t.Fatal(err)
		}
	}
	agent := w.as(auth.AgentPrefix, slipway.Principal{Queues: []slipway.Queue{"test"}})
	router := w.as(auth.RouterPrefix, slipway.Principal{Router: "r1"})
	deployer := w.user("dee", slipway.Deployer)
	tester := w.user("tim", slipway.Deployer, "test")
	nobody := api.New(w.url, "slu_"+strings.Repeat("0", 64))
	// Who reads, and what more they may do.
	const (
		looks  = "whoami, board, target, builds, build, job log, releases, deployments, deployment, plan, environments, declarations, diff, locks"
		reads  = looks + ", events, agents, routers, users, output test, output prod, config test, config prod, configs prod, secrets test, secrets prod, login link, evidence, counts, picture"
		tests  = ", deploy test, scale test, set config test, set secret test"
		moves  = reads + tests + ", deploy prod, scale prod, set config prod, set secret prod, retire secret prod, remove prod, abort prod, promote prod, unblock, cancel"
		admins = moves + ", add user, add agent token, add router token, forget router, prune, rotate key"
	)
	for _, who := range []struct {
		name   string
		client *api.Client
		may    string
		denied string
	}{
		{"viewer", w.viewer, reads, "forbidden"},
		{"job", w.job, looks + ", publish, deploy test, output test, config test, secrets test", "forbidden"},
		{"deployer of test", tester, reads + tests + ", cancel", "forbidden"},
		{"deployer", deployer, moves, "forbidden"},
		{"admin", w.admin, admins, "forbidden"},
		{"agent", agent, "", "forbidden"},
		{"router", router, "", "forbidden"},
		{"nobody", nobody, "", "unauthenticated"},
		{"no token", api.New(w.url, ""), "", "unauthenticated"},
	} {
		may := strings.Split(who.may, ", ")
		for _, call := range calls {
			want := who.denied
			if slices.Contains(may, call.name) {
				want = ""
			}
			if got := codeOf(call.do(t.Context(), who.client)); got != want {
				t.Errorf("%s by %s: %q, want %q", call.name, who.name, got, want)
			}
		}
	}
	asked := w.requests()
	for path, methods := range specification(t, w).Paths {
		for method := range methods {
			op := strings.ToUpper(method) + " " + path
			is := regexp.MustCompile("^" + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op, "[^/]+") + "$")
			if !slices.Contains(decidedBehind, op) && !slices.ContainsFunc(asked, is.MatchString) {
				t.Errorf("nothing says who may %s", op)
			}
		}
	}
}

// spec is what is looked at of the specification.
type spec struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Schemas map[string]any }
}

func specification(t *testing.T, w *world) spec {
	t.Helper()
	res := raw(t, w, "GET", "/api/v1/openapi.json", "")
	defer func() { _ = res.Body.Close() }()
	var got spec
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}
