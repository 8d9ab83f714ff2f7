package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (q *quiet) Environments(context.Context) (api.Environments, error) {
	return api.Environments{}, nil
}
func (q *quiet) Declarations(context.Context, int) ([]api.Declaration, error) { return nil, nil }
func (q *quiet) Diff(context.Context, string, string) (api.EnvironmentDiff, error) {
	return api.EnvironmentDiff{}, nil
}

func (q *quiet) Places(context.Context, string) (api.Places, error) { return api.Places{}, nil }

func (h *hostile) Places(context.Context, string) (api.Places, error) {
	p := filled[api.Places](h)
	p.Environments[0].Settings.Values = map[string]string{payload: payload}
	return p, nil
}

func (h *hostile) Environments(context.Context) (api.Environments, error) {
	return filled[api.Environments](h), nil
}

func (h *hostile) Declarations(context.Context, int) ([]api.Declaration, error) {
	return filled[[]api.Declaration](h), nil
}

func (h *hostile) Diff(context.Context, string, string) (api.EnvironmentDiff, error) {
	return filled[api.EnvironmentDiff](h), nil
}

func TestWhatPeopleDeclareIsText(t *testing.T) {
	h := &hostile{state: "pending", url: "http://127.0.0.1:7100"}
	pages := New(Config{View: h, Sessions: h, Waker: h})
	for _, path := range []string{"/environments", "/services/web", "/diff?from=a&to=%22%3E%3Cscript%3E", "/deployments/1"} {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		checkPage(t, path, w.Body.String())
	}
}

// awaiting is an installation with a deployment that waits for somebody, and a
// locked environment that is not what was pushed.
type awaiting struct {
	hostile
	approved int64
}

func (h *awaiting) Deployment(context.Context, int64) (api.Deployment, error) {
	return api.Deployment{ID: 77, Phase: "pending", Override: "a leak", Gates: []api.Gate{
		{Gate: "lock", State: "pass", Why: "no lock"}, {Gate: "approval", State: "wait", Why: "needs 1 of 1 approvals by a deployer"},
	}}, nil
}

func (h *awaiting) Environments(context.Context) (api.Environments, error) {
	prod := api.Environment{
		Name: "prod", Previous: "test", Frozen: "prod is frozen until Mon 08:00 Europe/Zurich: weekend", Facts: []api.Fact{{Name: "driver", Value: "process"}},
		Locks: []api.Lock{{Environment: "prod", Actor: api.Actor{Name: "mei"}, Why: "migration", Until: time.Now().Add(90 * time.Minute)}},
	}
	return api.Environments{Environments: []api.Environment{{Name: "test", Idle: "no agent of queue test is connected", Start: "slipway agent --queue test"}, prod}, Drift: &api.Drift{
		Commit: "3f9c1ab0", Changes: []api.EnvironmentChange{{Environment: "prod", Kind: "changed", Differences: []api.Difference{{Name: "queue", To: "p"}}}},
	}}, nil
}

func (h *awaiting) Declarations(context.Context, int) ([]api.Declaration, error) { return nil, nil }

func (h *awaiting) Diff(_ context.Context, from, to string) (api.EnvironmentDiff, error) {
	return api.EnvironmentDiff{From: from, To: to, Services: []api.ServiceDiff{
		{Service: "web", Differences: []api.Difference{{Name: "release", From: "@3", To: "@2"}}}, {Service: "same"},
	}}, nil
}

func (h *awaiting) Approve(_ context.Context, p slipway.Principal, id int64) error {
	h.approved = id
	return nil
}

func (h *awaiting) Unblock(context.Context, slipway.Principal, string, int, slipway.JobID) error {
	return nil
}
func (h *awaiting) Abort(context.Context, slipway.Principal, int64) error { return nil }

func (h *awaiting) Promote(context.Context, slipway.Principal, int64, int) error { return nil }

func TestPagesOfThePlatform(t *testing.T) {
	h := &awaiting{}
	pages := New(Config{View: h, Desk: h, Sessions: h, Waker: h})
	for path, wants := range map[string][]string{
		"/deployments/77": {"✓ passes", "■ waits", "needs 1 of 1 approvals", `action="/deployments/77/approve"`, "slipway approve 77", "a leak"},
		"/environments":   {"prod is frozen until Mon 08:00", "locked by mei for another 1 h", "migration", "slipway unlock prod", "says otherwise", "no agent of queue test is connected", "slipway agent --queue test", "→ p", "slipway environments --yaml"},
		"/diff":           {"Where test and prod differ", "@3", "@2", "The same in both.", "slipway diff test prod"},
	} {
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %q in\n%s", path, want, w.Body)
			}
		}
	}
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/deployments/77/approve", nil))
	if h.approved != 77 || w.Code != http.StatusSeeOther {
		t.Errorf("the button approved %d, %d", h.approved, w.Code)
	}
}
