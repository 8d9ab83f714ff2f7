package server_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// recorded is an output that is kept.
type recorded struct {
	mu   sync.Mutex
	kept []slipway.Output
}

func (r *recorded) add(o slipway.Output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, o)
}

func (r *recorded) Printed(context.Context, slipway.TargetID) ([]slipway.Output, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]slipway.Output(nil), r.kept...), nil
}

func (r *recorded) Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	return r.LogsSince(ctx, t, i, time.Time{}, tail, follow)
}

func (r *recorded) LogsSince(_ context.Context, _ slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, _ bool) (io.ReadCloser, error) {
	text := "of " + string(i)
	if !since.IsZero() {
		text += " since then"
	}
	if tail < 0 {
		text += ", all"
	}
	return io.NopCloser(strings.NewReader(text + "\n")), nil
}

func TestWhoseOutputIsShown(t *testing.T) {
	now := time.Now()
	r := &recorded{}
	w := newWorld(t, func(v *view.Viewer) { v.Output = r })
	if _, err := w.admin.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1}); err != nil {
		t.Fatal(err)
	}
	shows := func(q api.OutputQuery, want string) {
		t.Helper()
		out, err := w.viewer.Output(t.Context(), "web", "test", q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Close() }()
		if b, err := io.ReadAll(out); err != nil || string(b) != want {
			t.Errorf("%+v: %q, %v; want %q", q, b, err, want)
		}
	}
	gone := func(id slipway.InstanceID, ago time.Duration) {
		r.add(slipway.Output{Instance: id, Since: now.Add(-ago - time.Hour), Until: now.Add(-ago), Gone: true})
	}
	gone("i-1", 4*time.Hour)
	gone("i-2", 3*time.Hour)
	gone("i-3", 2*time.Hour)
	gone("i-4", time.Hour)
	// Nothing runs: what ended last.
	shows(api.OutputQuery{}, "i-2  of i-2\ni-3  of i-3\ni-4  of i-4\n")
	r.add(slipway.Output{Instance: "i-5", Since: now})
	shows(api.OutputQuery{}, "i-5  of i-5\n")
	shows(api.OutputQuery{Since: now.Add(-90 * time.Minute)}, "i-4  of i-4 since then\ni-5  of i-5 since then\n")
	shows(api.OutputQuery{Instance: "i-1"}, "of i-1\n")
}

// An instance that comes and goes between two looks is not missed.
func TestNewInstancesAreFollowed(t *testing.T) {
	r := &recorded{kept: []slipway.Output{{Instance: "i-1", Since: time.Now()}}}
	w := newWorld(t, func(v *view.Viewer) { v.Output = r })
	if _, err := w.admin.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1}); err != nil {
		t.Fatal(err)
	}
	out, err := w.viewer.Output(t.Context(), "web", "test", api.OutputQuery{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	lines := bufio.NewScanner(out)
	for _, want := range []string{"i-1  of i-1", "i-2  of i-2, all"} {
		if lines.Scan(); lines.Text() != want {
			t.Errorf("%q, want %q", lines.Text(), want)
		}
		r.add(slipway.Output{Instance: "i-2", Since: time.Now(), Until: time.Now(), Gone: true})
	}
}
