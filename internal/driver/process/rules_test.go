package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 9: 25600 * time.Millisecond,
		10: 30 * time.Second, 1000: 30 * time.Second,
	} {
		if got := backoff(n); got != want {
			t.Errorf("after exit %d: %v, want %v", n, got, want)
		}
	}
}

func TestPlacesInAnImage(t *testing.T) {
	for _, test := range []struct{ dir, name, want string }{
		{"/", "/bin/app", "bin/app"},
		{"/", "", "."},
		{"/srv", "app", "srv/app"},
		{"/srv", "../../../etc/passwd", "etc/passwd"},
		{"/", "/../../etc", "etc"},
	} {
		if got := inside(test.dir, test.name); got != test.want {
			t.Errorf("inside(%q, %q) = %q, want %q", test.dir, test.name, got, test.want)
		}
	}
	got := candidates("app", "srv", []string{"A=b", "PATH=/one:two:/one/../three"})
	if want := []string{"one/app", "two/app", "three/app"}; !slices.Equal(got, want) {
		t.Errorf("candidates: %q, want %q", got, want)
	}
}

func TestErrorsOfTheDisk(t *testing.T) {
	for err, want := range map[error]slipway.Code{
		syscall.ENOSPC:                        slipway.Unavailable,
		syscall.EDQUOT:                        slipway.Unavailable,
		syscall.EROFS:                         slipway.Unavailable,
		syscall.EIO:                           slipway.Internal,
		slipway.Errorf(slipway.Stale, "over"): slipway.Stale,
	} {
		if got := slipway.CodeOf(explain("write", fmt.Errorf("wrapped: %w", err))); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	if explain("write", nil) != nil || !errors.Is(explain("write", syscall.EIO), syscall.EIO) {
		t.Error("nothing, or the cause, was lost")
	}
}

func TestALogIsReadWhileItsInstanceIsForgotten(t *testing.T) {
	shop := slipway.TargetID{Service: "shop", Environment: "prod"}
	d := &Driver{dir: t.TempDir(), instances: map[slipway.InstanceID]*instance{}}
	i := &instance{spec: Spec{ID: "i-1", Target: shop}, dir: filepath.Join(d.dir, "instances", "i-1")}
	d.instances["i-1"] = i // its directory is gone already
	if _, err := d.Logs(t.Context(), shop, "i-1", -1, false); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("nothing was kept: %v, want NotFound", err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, "ended"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.endedLog(shop, "i-1"), []byte("the end\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := d.Logs(t.Context(), shop, "i-1", -1, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if b, err := io.ReadAll(r); err != nil || string(b) != "the end\n" {
		t.Errorf("%q, %v; want what was kept", b, err)
	}
}

func TestPortsAreNotShared(t *testing.T) {
	d := &Driver{instances: map[slipway.InstanceID]*instance{}, nextPort: lastPort - 1}
	seen := map[int]bool{}
	for n := range 5 {
		p, err := d.choosePort(t.Context())
		if err != nil || p < firstPort || p > lastPort || seen[p] {
			t.Fatalf("port %d, %v; given so far: %v", p, err, seen)
		}
		seen[p] = true
		d.instances[slipway.InstanceID(fmt.Sprint(n))] = &instance{spec: Spec{Port: p}}
		d.nextPort = lastPort - 1 // as a new driver might begin
	}
}

func TestFencesAreOnDiskBeforeAnybodyActs(t *testing.T) {
	dir := t.TempDir()
	shop := slipway.TargetID{Service: "shop", Environment: "prod"}
	at := func(e, g uint64) slipway.Fence { return slipway.Fence{Epoch: e, Generation: g} }
	for _, step := range []struct {
		fence slipway.Fence
		want  slipway.Code
	}{
		{at(1, 5), ""}, {at(1, 5), ""}, {at(1, 4), slipway.Stale}, {at(2, 0), ""}, {at(1, 9), slipway.Stale}, {at(2, 1), ""},
	} {
		l := newLedger(dir) // each time a new process
		if got := slipway.CodeOf(l.admit(shop, step.fence, nil)); got != step.want {
			t.Errorf("%s: %q, want %q", step.fence, got, step.want)
		}
	}
	l := newLedger(dir)
	l.dir = dir + "/gone"
	if err := l.admit(shop, at(3, 0), nil); err == nil {
		t.Error("a fence was admitted that could not be written")
	}
	l.dir = dir
	if r, err := l.look(shop); err != nil || r.Fence.Epoch > 2 {
		t.Errorf("a fence that could not be written counts: %+v, %v", r, err)
	}
	if err := l.admit(slipway.TargetID{Service: "../evil", Environment: "prod"}, at(9, 9), nil); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("a target that is no name: %v, want Invalid", err)
	}
}

func TestOrdersOfAnotherOwner(t *testing.T) {
	t.Chdir(t.TempDir())
	mine := Spec{ID: "i-1", Fence: slipway.Fence{Epoch: 2, Generation: 3}}
	for _, test := range []struct {
		o    order
		want bool
	}{
		{order{"i-2", slipway.Fence{Epoch: 9}}, false},
		{order{"i-1", slipway.Fence{Epoch: 2, Generation: 2}}, false},
		{order{"i-1", slipway.Fence{Epoch: 2, Generation: 3}}, true},
	} {
		s := &shim{spec: mine, stop: make(chan struct{}), log: discard}
		if err := saveJSON(stopFile, test.o); err != nil {
			t.Fatal(err)
		}
		if s.heed(); s.stopping() != test.want {
			t.Errorf("%+v is heeded: %t, want %t", test.o, s.stopping(), test.want)
		}
	}
}
