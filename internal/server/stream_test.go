package server_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func TestEventsFollowAndContinue(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	append := func(text string) {
		t.Helper()
		if err := w.store.AppendEvents(ctx, slipway.Event{At: time.Now(), Kind: slipway.BuildChanged, Build: "web/9", Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	append("one")
	append("two")
	var texts []string
	var last int64
	for e, err := range w.viewer.Events(ctx, -1, true, api.EventFilter{Build: "web/9"}) {
		if err != nil {
			t.Fatal(err)
		}
		texts, last = slices.Concat(texts, []string{e.Text}), e.Seq
		if e.Text == "two" {
			append("three") // it arrives while we listen
		} else {
			break
		}
	}
	append("four")
	if err := w.store.AppendEvents(ctx, slipway.Event{Kind: slipway.BuildChanged, Build: "web/8"}, slipway.Event{Kind: slipway.BuildChanged, Build: "web/8"}); err != nil {
		t.Fatal(err)
	}
	var newest []string
	for e, err := range w.viewer.Events(ctx, -2, false, api.EventFilter{Build: "web/9"}) {
		if err != nil {
			t.Fatal(err)
		}
		newest = slices.Concat(newest, []string{e.Text})
	}
	if got := strings.Join(newest, " "); got != "three four" {
		t.Errorf("the newest two, whatever came to others since: %s", got)
	}
	for e, err := range w.viewer.Events(ctx, last, false, api.EventFilter{Build: "web/9"}) {
		if err != nil {
			t.Fatal(err)
		}
		texts = slices.Concat(texts, []string{e.Text})
	}
	if got := strings.Join(texts, " "); got != "two three four" {
		t.Errorf("heard %s", got)
	}
	n := 0
	for _, err := range w.viewer.Events(ctx, 0, false, api.EventFilter{}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if all, err := w.store.LastEvent(ctx); err != nil || int64(n) != all {
		t.Errorf("%d of %d events, %v", n, all, err)
	}
}

func TestAJobsLogFollowsUntilItEnds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	set := func(state slipway.JobState) {
		t.Helper()
		_, err := w.store.UpdateBuild(ctx, w.build.ID, func(b *slipway.Build) ([]slipway.Event, error) {
			b.Job("job-1").State = state
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.hub.Wake("build/web/1")
	}
	grow := func(text string) {
		w.mu.Lock()
		w.log += text
		w.mu.Unlock()
		w.hub.Wake("log/job-1")
	}
	set(slipway.JobRunning)
	grow("skip first\n")
	r, err := w.viewer.JobLog(ctx, "job-1", 5, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	read := func(want string) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(r, b); err != nil || string(b) != want {
			t.Fatalf("read %q, %v, want %q", b, err, want)
		}
	}
	read("first\n")
	grow("second\n")
	read("second\n")
	grow("third\n")
	set(slipway.JobPassed)
	if rest, err := io.ReadAll(r); err != nil || string(rest) != "third\n" {
		t.Errorf("the end is %q, %v", rest, err)
	}
}

func TestInstancesLogs(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	id := slipway.TargetID{Service: "web", Environment: "test"}
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "test", Kind: "deploy", Release: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.groups = []slipway.GroupStatus{{ID: slipway.GroupOf(slipway.DeploymentID(d.ID)), Target: id, Instances: []slipway.InstanceStatus{ready("i-1"), ready("i-2")}}}
	// The stable group of the target is not asked for: what runs is shown.
	for instance, want := range map[string]string{
		"":    "i-1  hello of i-1\ni-1  \x1b]0;owned\adial tcp: refused\ni-2  hello of i-2\ni-2  \x1b]0;owned\adial tcp: refused\n",
		"i-2": "hello of i-2\n\x1b]0;owned\adial tcp: refused\n",
	} {
		r, err := w.viewer.Logs(ctx, "web", "test", instance, 10, false)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		_ = r.Close()
		if err != nil || string(b) != want {
			t.Errorf("logs of %q: %q, %v", instance, b, err)
		}
	}
	if _, err := w.viewer.Logs(ctx, "web", "test", "i-9", 10, false); codeOf(err) != "not_found" {
		t.Errorf("an unknown instance: %v", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r, err := w.viewer.Logs(ctx, "web", "test", "", 10, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.ReadFull(r, make([]byte, 80)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("a stream that was left: %v", err)
	}
}
