package router

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

func TestBudgetKeepsRetriesAtATenth(t *testing.T) {
	var b budget
	retries := 0
	for range 1000 {
		b.save()
		for range 3 {
			if b.take() {
				retries++
			}
		}
	}
	if retries < 100 || retries > 110 {
		t.Errorf("%d retries of 1000 requests", retries)
	}
}

// Zero, once said of an endpoint that is gone, stays zero.
func TestZeroIsFinal(t *testing.T) {
	for range 200 {
		var drained, acquired atomic.Int64
		e := newEndpoint(slipway.TargetID{}, slipway.Endpoint{}, func() { drained.Add(1) })
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					f := &flight{}
					if !e.acquire(f) {
						return
					}
					acquired.Add(1)
					e.release(f)
				}
			})
		}
		for acquired.Load() < 10 {
			time.Sleep(time.Microsecond)
		}
		e.leave(time.Hour)
		said := false
		for range 1000 {
			n := e.inFlight()
			if said && n != 0 {
				t.Fatalf("%d in flight after zero was said", n)
			}
			said = said || n == 0
		}
		wg.Wait()
		e.timer.Stop()
		if e.inFlight() != 0 {
			t.Fatalf("%d left", e.inFlight())
		}
	}
}

func testRouter(t testing.TB) *Router {
	r, err := New(Config{ID: "r", Dir: t.TempDir(), Server: "http://127.0.0.1:1", Token: "slr_r"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatATableMayReplace(t *testing.T) {
	r, ctx := testRouter(t), context.Background()
	id := slipway.TargetID{Service: "a", Environment: "prod"}
	table := func(epoch, version uint64, f slipway.Fence) wire.Table {
		return wire.Table{Epoch: epoch, Version: version, Routes: []slipway.Route{{Target: id, Fence: f}}}
	}
	for _, step := range []struct {
		name    string
		table   wire.Table
		applied bool
		fence   slipway.Fence
	}{
		{"the first", table(1, 5, slipway.Fence{Epoch: 1, Generation: 7}), true, slipway.Fence{Epoch: 1, Generation: 7}},
		{"the same again", table(1, 5, slipway.Fence{Epoch: 1, Generation: 8}), false, slipway.Fence{Epoch: 1, Generation: 7}},
		{"an older one", table(1, 4, slipway.Fence{Epoch: 1, Generation: 8}), false, slipway.Fence{Epoch: 1, Generation: 7}},
		{"a newer one by a stale owner", table(1, 6, slipway.Fence{Epoch: 1, Generation: 6}), true, slipway.Fence{Epoch: 1, Generation: 7}},
		{"a lower epoch", table(0, 9, slipway.Fence{Epoch: 1, Generation: 9}), false, slipway.Fence{Epoch: 1, Generation: 7}},
		{"a higher epoch", table(2, 1, slipway.Fence{Epoch: 2, Generation: 1}), true, slipway.Fence{Epoch: 2, Generation: 1}},
	} {
		if got := r.apply(ctx, step.table); got != step.applied {
			t.Errorf("%s: applied %v", step.name, got)
		}
		if got := r.table.Load().routes[id].Fence; got != step.fence {
			t.Errorf("%s: fence %s", step.name, got)
		}
		if why := r.table.Load().routes[id].why; strings.Contains(why, "refused") != (step.name == "a newer one by a stale owner") &&
			step.applied {
			t.Errorf("%s: %q", step.name, why)
		}
	}
}

func TestTwoTargetsCannotHaveOnePort(t *testing.T) {
	r := testRouter(t)
	r.apply(context.Background(), wire.Table{Version: 1, Routes: []slipway.Route{
		{Target: slipway.TargetID{Service: "b", Environment: "prod"}, Port: 7100},
		{Target: slipway.TargetID{Service: "a", Environment: "prod"}, Port: 7100},
	}})
	if why := r.table.Load().routes[slipway.TargetID{Service: "b", Environment: "prod"}].why; why != "port 7100 is the port of a/prod already" {
		t.Errorf("%q", why)
	}
}

// An instance that leaves the table and comes back is the same, and one that
// was started anew at the same address is not.
func TestAnEndpointThatComesBack(t *testing.T) {
	r, ctx := testRouter(t), context.Background()
	id := slipway.TargetID{Service: "a", Environment: "prod"}
	version := uint64(0)
	with := func(es ...slipway.Endpoint) *route {
		version++
		r.apply(ctx, wire.Table{Version: version, Routes: []slipway.Route{{
			Target: id, Drain: 50 * time.Millisecond, Shares: []slipway.Share{{Group: "g", Weight: slipway.All, Endpoints: es}},
		}}})
		return r.table.Load().routes[id]
	}
	e := slipway.Endpoint{Instance: "i", Boot: "1", Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	f := &flight{}
	first := with(e).named[0]
	first.acquire(f)
	with()
	if back := with(e).named[0]; back != first || back.gone() || back.inFlight() != 1 {
		t.Errorf("not the same: %p, %p", first, back)
	}
	time.Sleep(80 * time.Millisecond)
	if f.wasCut() {
		t.Error("cut by a drain that was taken back")
	}
	again := e
	again.Boot = "2"
	if anew := with(again).named[0]; anew == first || !first.gone() || anew.inFlight() != 0 {
		t.Error("a new process is taken for the old one")
	}
	s := r.status()
	if s.Targets[0].Draining["i"] != 1 || len(s.Targets[0].InFlight) != 0 {
		t.Errorf("%+v", s.Targets)
	}
	first.release(f)
	if s := r.status(); len(s.Targets[0].Draining) != 0 || len(r.endpoints) != 1 {
		t.Errorf("what has drained is not forgotten: %+v", s.Targets)
	}
}

func TestSecondAttemptsDoNotGoToSmallerShares(t *testing.T) {
	e := func() *endpoint { return newEndpoint(slipway.TargetID{}, slipway.Endpoint{}, func() {}) }
	stable, candidate := e(), e()
	r := &route{}
	r.share(group{id: "stable", weight: 9900, endpoints: []*endpoint{stable}})
	r.share(group{id: "candidate", weight: 100, endpoints: []*endpoint{candidate}})
	if got := r.other(stable, "stable", time.Now()); got != nil {
		t.Error("the candidate takes what the stable group could not serve")
	}
	if got := r.other(candidate, "candidate", time.Now()); got != stable {
		t.Error("the stable group does not help out")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{
		{}, {ID: "r", Dir: "d", Token: "t"}, {ID: "r", Dir: "d", Token: "t", Server: "127.0.0.1:7070"}, {ID: "r", Dir: "d", Server: "http://a"},
	} {
		if _, err := New(c); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// pair is a connection to a router, seen from both ends.
func pair(t *testing.T) (*client, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&door{TCPListener: l.(*net.TCPListener), entrance: entrance{port: 1}}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = peer.Close(), c.Close() })
	return c.(*client), peer
}

// Where a whole machine stood still, deadlines have passed for everybody, also
// for those who had sent what they had to.
func TestADeadlineThatPassedWhileTheBytesWereHereIsNone(t *testing.T) {
	c, peer := pair(t)
	buf := make([]byte, 4)
	say := func(s string) {
		t.Helper()
		if _, err := peer.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(what, want string) {
		t.Helper()
		n, err := c.Read(buf)
		if late := errors.Is(err, os.ErrDeadlineExceeded); string(buf[:n]) != want || late != (want == "") {
			t.Fatalf("%s: %q, %v; want %q", what, buf[:n], err, want)
		}
	}
	soon := func() {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
	}
	say("one ")
	hear("in time", "one ")
	say("two ")
	soon()
	hear("late to read", "two ")
	hear("nothing more", "")
	soon()
	hear("late to send", "")
	say("rest of it all")
	soon()
	hear("sends without end", "rest")
	hear("sends without end", "")
	_ = c.SetDeadline(time.Now().Add(-time.Second))
	hear("was cut", "")
}

func TestOverloadIsToldFromDeath(t *testing.T) {
	dial := func(err error) error {
		return &unsentError{&net.OpError{Op: "dial", Net: "tcp", Err: err}}
	}
	for _, tt := range []struct {
		err            error
		overload, ours bool
	}{
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), false, false},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), false, false},
		{dial(os.ErrDeadlineExceeded), true, false},
		{dial(os.NewSyscallError("socket", syscall.EMFILE)), true, true},
		{dial(os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)), true, true},
	} {
		if isOverload(tt.err) != tt.overload || isOurs(tt.err) != tt.ours {
			t.Errorf("%v: overload %v, ours %v", tt.err, isOverload(tt.err), isOurs(tt.err))
		}
	}
}
