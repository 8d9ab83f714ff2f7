package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/doctor"
)

// answers is a server that says what it is given, by path.
type answers map[string]any

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := a[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func fit(t *testing.T) (doctor.Patient, answers) {
	a := answers{
		"/api/v1/whoami": api.Whoami{Actor: api.Actor{Name: "mei"}, Role: "admin", Version: "1"},
		"/api/v1/agents": api.List[api.Agent]{Items: []api.Agent{{Queue: "test", State: "connected", LastSeen: time.Now()}}},
		"/api/v1/board":  api.Board{Services: []api.BoardService{{Targets: []api.Target{{Service: "web", Environment: "prod", Release: 1, Want: 1, Ready: 1, Health: "healthy"}}}}},
	}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return doctor.Patient{
		Dir: dir, Version: "1",
		Server:   func() (*api.Client, error) { return api.New(s.URL, "t"), nil },
		Database: func(context.Context) error { return nil },
		Executor: func(context.Context) error { return nil },
		Caged:    func() error { return nil },
		Free:     func(string) (uint64, error) { return 100 << 30, nil },
		Files:    func() (uint64, error) { return 65536, nil },
	}, a
}

func TestAllIsWell(t *testing.T) {
	p, _ := fit(t)
	all := doctor.Examine(t.Context(), p)
	for _, f := range all {
		if f.State != doctor.Well {
			t.Errorf("%+v", f)
		}
	}
	if doctor.Worst(all) != doctor.Well || len(all) < 8 {
		t.Errorf("%+v", all)
	}
}

func TestWhatIsWrongIsNamedWithItsRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		hurt  func(*doctor.Patient, answers)
		state doctor.State
		want  string // in the finding
	}{
		"no directory": {func(p *doctor.Patient, _ answers) { p.Dir += "/none" }, doctor.Wrong, "does not exist → start Slipway"},
		"open to all":  {func(p *doctor.Patient, _ answers) { _ = os.Chmod(p.Dir, 0o755) }, doctor.Wrong, "may be read by others (0755); it holds tokens → chmod 0700"},
		"full disk":    {func(p *doctor.Patient, _ answers) { p.Free = func(string) (uint64, error) { return 1 << 20, nil } }, doctor.Wrong, "0.0 GiB are left"},
		"little room":  {func(p *doctor.Patient, _ answers) { p.Free = func(string) (uint64, error) { return 1 << 30, nil } }, doctor.Worry, "1.0 GiB are left → make room"},
		"few files":    {func(p *doctor.Patient, _ answers) { p.Files = func() (uint64, error) { return 1024, nil } }, doctor.Worry, "1024 files open"},
		"no groups": {func(p *doctor.Patient, _ answers) {
			p.Caged = func() error { return slipway.Errorf(slipway.Forbidden, "it may not") }
		}, doctor.Worry, "it may not → run Slipway as a systemd unit"},
		"damaged": {func(p *doctor.Patient, _ answers) {
			p.Database = func(context.Context) error { return slipway.Errorf(slipway.Internal, "it is damaged").Do("restore it") }
		}, doctor.Wrong, "it is damaged → restore it"},
		"odd database": {func(p *doctor.Patient, _ answers) {
			p.Database = func(context.Context) error { return errors.New("odd") }
		}, doctor.Wrong, "cannot be looked at: odd"},
		"no executor": {func(p *doctor.Patient, _ answers) {
			p.Executor = func(context.Context) error { return errors.New("connection refused") }
		}, doctor.Wrong, "cannot be started or looked at: connection refused → start it"},
		"no server": {func(p *doctor.Patient, _ answers) {
			p.Server = func() (*api.Client, error) { return nil, slipway.Errorf(slipway.Unavailable, "none").Do("start it") }
		}, doctor.Wrong, "none → start it"},
		"other version": {func(_ *doctor.Patient, a answers) { a["/api/v1/whoami"] = api.Whoami{Version: "2"} }, doctor.Worry, "the server is 2, this program is 1"},
		"no agent":      {func(_ *doctor.Patient, a answers) { a["/api/v1/agents"] = api.List[api.Agent]{Items: []api.Agent{}} }, doctor.Worry, "no agent has ever connected"},
		"lost agent": {func(_ *doctor.Patient, a answers) {
			a["/api/v1/agents"] = api.List[api.Agent]{Items: []api.Agent{{Queue: "test", State: "lost"}}}
		}, doctor.Worry, "no agent of queue test is connected"},
		"degraded": {func(_ *doctor.Patient, a answers) {
			a["/api/v1/board"] = api.Board{Services: []api.BoardService{{Targets: []api.Target{{Service: "web", Environment: "prod", Release: 1, Want: 3, Ready: 2, Health: "degraded", Why: "exit 137"}}}}}
		}, doctor.Wrong, "2 of 3 instances are ready: exit 137 → slipway logs web prod"},
		"stuck": {func(_ *doctor.Patient, a answers) {
			a["/api/v1/board"] = api.Board{Services: []api.BoardService{{Targets: []api.Target{{Service: "web", Environment: "prod", Last: &api.Deployment{ID: 7, Phase: "stuck"}}}}}}
		}, doctor.Wrong, "deployment 7 is stuck"},
	} {
		t.Run(name, func(t *testing.T) {
			p, a := fit(t)
			test.hurt(&p, a)
			all := doctor.Examine(t.Context(), p)
			var text strings.Builder
			for _, f := range all {
				if f.State == test.state {
					text.WriteString(f.Text + " → " + f.Remedy + "\n")
				}
			}
			if doctor.Worst(all) != test.state || !strings.Contains(text.String(), test.want) {
				t.Errorf("worst %s; %s: %s", doctor.Worst(all), test.state, &text)
			}
		})
	}
}
