package executor_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/driver/executor"
)

var image = slipway.Digest("sha256:" + strings.Repeat("ab", 32))

var target = slipway.TargetID{Service: "alpha", Environment: "test"}

// host is what an executor has: the driver in memory, with the rest of what
// drivers may do.
type host struct {
	*drivertest.Fake
	printed io.Reader
	kept    map[slipway.Digest]bool
}

func (h *host) Limits() []string { return []string{"It forgets everything."} }

func (h *host) Printed(context.Context, slipway.TargetID) ([]slipway.Output, error) {
	return []slipway.Output{{Instance: "i-1", Gone: true}}, nil
}

func (h *host) Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	return h.LogsSince(ctx, t, i, time.Time{}, tail, follow)
}

func (h *host) LogsSince(_ context.Context, t slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error) {
	if t != target || i != "i-1" || since.Year() != 2026 || tail != 7 || !follow {
		return nil, slipway.Errorf(slipway.NotFound, "no instance %q of %s", i, t).Do("look: slipway status")
	}
	return io.NopCloser(h.printed), nil
}

func (h *host) PruneTrees(_ context.Context, keep map[slipway.Digest]bool, since time.Time, dry bool) (int, int64, error) {
	h.kept = keep
	if since.IsZero() || !dry {
		return 0, 0, errors.New("not what was asked")
	}
	return 3, 1 << 40, nil
}

func newHost() *host { return &host{Fake: drivertest.NewFake(image, time.Millisecond)} }

// socketOf is a short path, as sockets need: below a directory that may be long.
func socketOf(t *testing.T) string {
	t.Chdir(t.TempDir())
	return "socket"
}

// serve starts an executor; close ends it.
func serve(t *testing.T, socket string, h executor.Driver) (close func()) {
	t.Helper()
	l, err := executor.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := executor.Serve(ctx, l, h, slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
	})
	return func() { cancel(); served.Wait() }
}

func connect(t *testing.T, h executor.Driver) *executor.Client {
	socket := socketOf(t)
	t.Cleanup(serve(t, socket, h))
	return executor.Connect(socket)
}

// TestConformance opens a new executor for the next driver: what runs is the
// host's, not its.
func TestConformance(t *testing.T) {
	drivertest.Test(t, func(t *testing.T) drivertest.Lab {
		h, socket := newHost(), socketOf(t)
		return drivertest.Lab{Image: image, Open: func(t *testing.T) (driver.Driver, func()) {
			return executor.Connect(socket), serve(t, socket, h)
		}}
	})
}

func TestWhatIsWrongComesBackAsItWasSaid(t *testing.T) {
	c := connect(t, newHost())
	_, err := c.Logs(t.Context(), target, "i-2", 7, true)
	e, ok := errors.AsType[*slipway.Error](err)
	if !ok || e.Code != slipway.NotFound || e.Message != `no instance "i-2" of alpha/test` || e.Next != "look: slipway status" {
		t.Errorf("%#v", err)
	}
	if _, _, err := c.PruneTrees(t.Context(), nil, time.Time{}, true); slipway.CodeOf(err) != slipway.Internal || !strings.Contains(err.Error(), "not what was asked") {
		t.Errorf("an error without a code: %v", err)
	}
}

func TestWhatDriversMayDoBesides(t *testing.T) {
	h := newHost()
	c := connect(t, h)
	if l := c.Limits(); !slices.Equal(l, []string{"It forgets everything."}) {
		t.Errorf("limits %q", l)
	}
	if all, err := c.Printed(t.Context(), target); err != nil || len(all) != 1 || all[0].Instance != "i-1" || !all[0].Gone {
		t.Errorf("printed %+v, %v", all, err)
	}
	n, bytes, err := c.PruneTrees(t.Context(), map[slipway.Digest]bool{image: true}, time.Now(), true)
	if n != 3 || bytes != 1<<40 || err != nil || !h.kept[image] || len(h.kept) != 1 {
		t.Errorf("pruned %d, %d, %v, kept %v", n, bytes, err, h.kept)
	}
}

// outspoken is a host whose instances say something.
type outspoken struct {
	*host
	said slipway.Said
	uses slipway.Uses
}

func (o outspoken) Observe(ctx context.Context, t slipway.TargetID) ([]slipway.GroupStatus, error) {
	return []slipway.GroupStatus{{Target: t, Instances: []slipway.InstanceStatus{{ID: "i-1", Said: &o.said, Uses: &o.uses}, {ID: "i-2"}}}}, nil
}

func TestWhatInstancesSayAndUseIsTold(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := outspoken{newHost(), slipway.Said{
		Counter: "c", Warnings: 1, Errors: 2, Classes: []slipway.ErrorClass{{ID: "1f", Title: "it broke", Count: 2, First: at, Last: at}}, Others: 3, Unread: 4,
	}, slipway.Uses{At: at, CPU: time.Second, Memory: 5, Room: 6}}
	groups, err := connect(t, h).Observe(t.Context(), target)
	if err != nil || len(groups) != 1 || len(groups[0].Instances) != 2 {
		t.Fatalf("%+v, %v", groups, err)
	}
	told, silent := groups[0].Instances[0], groups[0].Instances[1]
	if !reflect.DeepEqual(told.Said, &h.said) || !reflect.DeepEqual(told.Uses, &h.uses) || silent.Said != nil || silent.Uses != nil {
		t.Errorf("%+v, %+v", told, silent)
	}
}

func TestALogIsFollowed(t *testing.T) {
	h := newHost()
	printed, out := io.Pipe()
	h.printed = printed
	log, err := connect(t, h).LogsSince(t.Context(), target, "i-1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), 7, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	lines := bufio.NewReader(log)
	for _, line := range []string{"one\n", "two\n"} { // the second is printed once the first was seen
		go func() { _, _ = io.WriteString(out, line) }()
		if got, err := lines.ReadString('\n'); got != line {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = out.Close()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at its end: %q, %v", rest, err)
	}
}

func TestAnExecutorThatIsAwayIsUnavailable(t *testing.T) {
	h, socket := newHost(), socketOf(t)
	c := executor.Connect(socket)
	if _, err := c.List(t.Context()); slipway.CodeOf(err) != slipway.Unavailable {
		t.Errorf("nobody listens: %v", err)
	}
	if l := c.Limits(); len(l) != 1 || !strings.Contains(l[0], "not known") {
		t.Errorf("limits %q", l)
	}
	for range 2 { // the socket of one that was killed is in the way of the next
		l, err := executor.Listen(socket)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		_ = l.Close()
	}
	defer serve(t, socket, h)()
	if _, err := c.List(t.Context()); err != nil {
		t.Errorf("it is there again: %v", err)
	}
}

func TestAnExecutorThatIsStoppedIsNotWaitedForLongerThanAsked(t *testing.T) {
	socket := socketOf(t)
	l, err := executor.Listen(socket) // who connects waits
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := executor.Connect(socket).List(ctx); slipway.CodeOf(err) != slipway.Unavailable {
		t.Errorf("%v", err)
	}
}

// TestHintsGoOnWithTheNextExecutor: one that is there again hints at everything.
func TestHintsGoOnWithTheNextExecutor(t *testing.T) {
	h, socket := newHost(), socketOf(t)
	c := executor.Connect(socket)
	hints := make(chan slipway.TargetID, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { _ = c.Watch(ctx, func(t slipway.TargetID) { hints <- t }) })
	defer watching.Wait()
	defer cancel()
	await := func(what string) {
		t.Helper()
		select {
		case got := <-hints:
			if got != target {
				t.Errorf("%s: %s", what, got)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: no hint", what)
		}
	}
	end := serve(t, socket, h)
	g := slipway.GroupSpec{
		ID: "g1", Target: target, Replicas: 1, Active: true, Fence: slipway.Fence{Epoch: 1, Generation: 1},
		Revision: slipway.Revision{ID: "r1", Target: target, Release: 1, Image: image, Kind: slipway.Web, Run: slipway.Run{Port: 8000}},
	}
	if err := c.Apply(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	await("a group that is started")
	end()
	for len(hints) > 0 {
		<-hints
	}
	defer serve(t, socket, h)()
	await("another executor")
}
