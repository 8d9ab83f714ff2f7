package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) *time.Time { return new(noon.Add(-d)) }

// fake is a server that answers from what a test puts into it.
type fake struct {
	*http.ServeMux
	url string
}

func newFake(t *testing.T) *fake {
	t.Helper()
	for _, name := range []string{"SLIPWAY_URL", "SLIPWAY_TOKEN", "BUILDKITE_AGENT_ENDPOINT", "BUILDKITE_AGENT_ACCESS_TOKEN", "BUILDKITE_JOB_ID", "SLIPWAY_SERVERS"} {
		t.Setenv(name, "")
	}
	f := &fake{ServeMux: http.NewServeMux()}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer slu_test" {
			problem(w, 401, "unauthenticated", "this token is not known")
			return
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	t.Setenv("SLIPWAY_URL", srv.URL)
	t.Setenv("SLIPWAY_TOKEN", "slu_test")
	return f
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Problem{Code: code, Message: message, Status: status})
}

// gives answers GET path with v.
func (f *fake) gives(path string, v any) {
	f.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, v) })
}

// run types a command and returns what it printed and its exit code.
func run(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	root := Root(Options{Version: "1.2.3", DataDir: func() (string, error) { return t.TempDir(), nil }})
	root.AddCommand(&cobra.Command{Use: "role", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return nil }})
	root.SetOut(&o)
	root.SetErr(&e)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	code = Main(ctx, root, args, &e)
	return o.String(), e.String(), code
}

func same(t *testing.T, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
