package server_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

func TestBadInputGetsOneClearProblem(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		code, want         string
	}{
		{"GET", "/api/v1/nothing", "", 404, "not_found", "there is no GET /api/v1/nothing"},
		{"GET", "/api/v1/builds/web/7", "", 404, "not_found", "web"},
		{"GET", "/api/v1/builds/web/x", "", 422, "invalid", "path.number"},
		{"GET", "/api/v1/builds?limit=-1", "", 422, "invalid", "query.limit"},
		{"GET", "/api/v1/targets/web/moon", "", 404, "not_found", `no environment "moon"; there are test, prod`},
		{"GET", "/api/v1/targets/web/prod", "", 404, "not_found", "web"},
		{"GET", "/api/v1/jobs/none/log", "", 404, "not_found", ""},
		{"GET", "/api/v1/events?service=web", "", 422, "invalid", "name both or none"},
		{"GET", "/api/v1/events?service=web&environment=moon", "", 404, "not_found", "there are test, prod"},
		{"POST", "/api/v1/deployments", `{"service":"web","environment":"moon","kind":"deploy"}`, 404, "not_found", "there are test, prod"},
		{"POST", "/api/v1/deployments", `{"service":"web","environment":"test","kind":"explode"}`, 422, "invalid", "there are deploy, rollback, restart"},
		{"POST", "/api/v1/deployments", `{"service":"../x","environment":"test","kind":"deploy"}`, 422, "invalid", "cannot name a service"},
		{"POST", "/api/v1/deployments", `{"service":"web"}`, 422, "invalid", "environment"},
		{"POST", "/api/v1/deployments", `{"service":"web","environment":"test","kind":"deploy","relase":3}`, 422, "invalid", "relase"},
		{"POST", "/api/v1/deployments", `{`, 400, "invalid", ""},
		{"POST", "/api/v1/deployments", `{"service":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "too_large", ""},
		{"POST", "/api/v1/builds/web/1/unblock", `{"job":"nope"}`, 404, "not_found", `no block step "nope"`},
		{"POST", "/api/v1/users", `{"name":"","role":"viewer"}`, 422, "invalid", "cannot name a user"},
		{"POST", "/api/v1/users", `{"name":"jon","role":"king"}`, 422, "invalid", "there are viewer, deployer, admin"},
	} {
		res := raw(t, w, tt.method, tt.path, tt.body)
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		var p api.Problem
		if err := json.Unmarshal(b, &p); err != nil {
			t.Errorf("%s %s: %v in %s", tt.method, tt.path, err, b)
		}
		if res.StatusCode != tt.status || p.Status != tt.status || p.Code != tt.code || !strings.Contains(p.Message, tt.want) || res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %.60s: %s %s %s, want %d %s %q", tt.method, tt.path, tt.body, res.Status, res.Header.Get("Content-Type"), b, tt.status, tt.code, tt.want)
		}
	}
	w.broken = errors.New("secret of the driver")
	board, err := w.admin.Board(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(board); strings.Contains(string(b), "secret") {
		t.Errorf("the board tells %s", b)
	}
}

func raw(t *testing.T, w *world, method, path, body string) *http.Response {
	t.Helper()
	token, err := w.auth.AddUser(t.Context(), slipway.System, slipway.User{Name: "u" + auth.New("")[:20], Role: slipway.Admin})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestTheSpecificationDescribesEveryCall(t *testing.T) {
	spec := specification(t, newWorld(t))
	var all []string
	for path, methods := range spec.Paths {
		for method, op := range methods {
			all = append(all, path+" "+strings.ToUpper(method))
			if !strings.Contains(string(op), "schemas/Problem") || strings.Contains(string(op), "ErrorModel") {
				t.Errorf("%s %s does not say how it fails: %s", method, path, op)
			}
		}
	}
	slices.Sort(all)
	want, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), all); d != "" {
		t.Errorf("what clients may call is not what testdata/operations.txt lists: %s", d)
	}
	if _, ok := spec.Components.Schemas["Board"]; !ok {
		t.Errorf("schemas %v", spec.Components.Schemas)
	}
}

func TestPublish(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	good := api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}
	r, err := w.job.PublishRelease(ctx, good)
	if err != nil {
		t.Fatal(err)
	}
	if r.Number != 1 || r.Build != "web/1" || r.Commit != string(ones) || r.Subject != "Cache the user lookup" || r.Actor.For != "ada" {
		t.Errorf("%+v", r)
	}
	if again, err := w.job.PublishRelease(ctx, good); err != nil || again.Number != 1 {
		t.Errorf("published twice: %+v, %v", again, err)
	}
	for _, tt := range []struct {
		change func(*api.PublishRelease)
		code   string
	}{
		{func(p *api.PublishRelease) { p.Manifest = "rubbish" }, "invalid"},
		{func(p *api.PublishRelease) { p.Service = "other" }, "invalid"},
		{func(p *api.PublishRelease) { p.Image = "latest" }, "invalid"},
		{func(p *api.PublishRelease) { p.Image = "sha256:" + strings.Repeat("0", 64) }, "not_found"},
	} {
		bad := good
		tt.change(&bad)
		if _, err := w.job.PublishRelease(ctx, bad); codeOf(err) != tt.code {
			t.Errorf("%+v: %v, want %s", bad, err, tt.code)
		}
	}
	// Another repository's job may not release this service.
	if err := w.store.CreateRepository(ctx, slipway.Repository{Name: "evil"}); err != nil {
		t.Fatal(err)
	}
	p := slipway.Push{Repository: "evil", Ref: "refs/heads/master", Old: zeros, New: ones}
	if _, _, err := w.store.RecordPush(ctx, p, "master", &slipway.Build{ID: "build-e", Push: p, State: slipway.BuildRunning, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	evil := w.as(auth.JobPrefix, slipway.Principal{Job: &slipway.JobGrant{Build: "build-e", Repository: "evil"}})
	if _, err := evil.PublishRelease(ctx, good); codeOf(err) != "forbidden" {
		t.Errorf("a service was taken over: %v", err)
	}
	b, err := w.viewer.Build(ctx, "web", 1)
	if err != nil || len(b.Releases) != 1 || b.URL != "http://slipway.test/builds/web/1" || b.Jobs[1].MayUnblock {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestAJobDeploysOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ask := api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1, Key: "mine"}
	first, err := w.job.Deploy(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	ask.Key = "another"
	second, err := w.job.Deploy(ctx, ask)
	if err != nil || second.ID != first.ID {
		t.Errorf("a job that runs again deployed %d and %d, %v", first.ID, second.ID, err)
	}
	if len(w.marked) != 2 || w.deployed[0].Build != w.build.ID || w.deployed[0].Actor.For != "ada" {
		t.Errorf("marked %v, deployed %+v", w.marked, w.deployed)
	}
	mine, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1, Key: "mine"})
	if err != nil || mine.ID == first.ID {
		t.Errorf("a person's key met a job's: %+v, %v", mine, err)
	}
	if _, err := w.job.Abort(ctx, mine.ID); codeOf(err) != "forbidden" {
		t.Errorf("a job aborted what it did not ask for: %v", err)
	}
	if _, err := w.job.Abort(ctx, first.ID); err != nil {
		t.Errorf("a job may not abort its own: %v", err)
	}
}

func TestUnblock(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if b, err := w.admin.Build(ctx, "web", 1); err != nil || !b.Jobs[1].MayUnblock || b.Jobs[1].Prompt != "Sure?" {
		t.Errorf("%+v, %v", b, err)
	}
	b, err := w.admin.Unblock(ctx, "web", 1, "")
	if err != nil || b.Jobs[1].Unblocked == nil || b.Jobs[1].Unblocked.Name != "ada" {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := w.admin.Unblock(ctx, "web", 1, ""); codeOf(err) != "conflict" {
		t.Errorf("unblocked twice: %v", err)
	}
}
