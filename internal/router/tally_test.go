package router

import (
	"context"
	"encoding/json"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

var anything = slipway.TargetID{Service: "a", Environment: "prod"}

// divide applies a route to so many instances, half of which are a candidate's.
func divide(r *Router, generation uint64, instances int) *route {
	shares := []slipway.Share{{Group: "stable", Weight: 5000}, {Group: "candidate", Weight: 5000}}
	for n := range instances {
		shares[n%2].Endpoints = append(shares[n%2].Endpoints, slipway.Endpoint{
			Instance: slipway.InstanceID("i" + strconv.Itoa(n)), Boot: "b", Addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(n+1)),
		})
	}
	r.apply(context.Background(), wire.Table{Version: generation, Routes: []slipway.Route{{
		Target: anything, Fence: slipway.Fence{Epoch: 1, Generation: generation}, Shares: shares,
	}}})
	return r.table.Load().routes[anything]
}

// fly sends a request to the first instance of g, which ends with end.
func fly(g *group) (end func(time.Time)) {
	f := &flight{began: time.Now(), arm: g.arm(0), completed: true}
	g.endpoints[0].acquire(f)
	return func(at time.Time) {
		f.ended = at
		g.endpoints[0].release(f)
	}
}

func (r *Router) counts(was told, now time.Time) (t wire.Target, is told) {
	s := r.status()
	is = r.counted(&s, was, now)
	return s.Targets[0], is
}

// Whoever looks finds each request once, ended or in flight, and never less of
// what took long than before.
func TestNothingIsSeenTwiceOrNotAtAll(t *testing.T) {
	r := testRouter(t)
	g := &divide(r, 1, 2).split().groups[0]
	var begun, ended atomic.Uint64
	var flying sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		flying.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				begun.Add(1)
				end := fly(g)
				end(time.Now())
				ended.Add(1)
			}
		})
	}
	cut := slipway.BucketOf(20 * time.Microsecond)
	longest := uint64(0)
	for range 3000 {
		atLeast := ended.Load()
		said, _ := r.counts(told{}, time.Now())
		atMost := begun.Load()
		all, long := uint64(0), uint64(0)
		for _, c := range said.Counted {
			all += c.Requests + c.Open.Total()
			long += c.Took.Over(cut) + c.Open.Over(cut)
			if c.Took.Total() != c.Requests || c.Cells.All != c.Requests/slipway.CellSize {
				t.Fatalf("%d requests, %d durations, %d cells", c.Requests, c.Took.Total(), c.Cells.All)
			}
		}
		if all < atLeast || all > atMost {
			t.Fatalf("%d requests are seen of %d to %d", all, atLeast, atMost)
		}
		if long < longest {
			t.Fatalf("%d took long, and then %d", longest, long)
		}
		longest = long
	}
	close(stop)
	flying.Wait()
}

func TestOnlyNewsIsTold(t *testing.T) {
	r, now := testRouter(t), time.Now()
	g := &divide(r, 1, 2).split().groups[0]
	var knows told
	tells := func(what string, after time.Duration, want int) {
		t.Helper()
		now = now.Add(after)
		var said wire.Target
		if said, knows = r.counts(knows, now); len(said.Counted) != want || !said.Divided {
			t.Fatalf("%s: %d are told, not %d", what, len(said.Counted), want)
		}
	}
	tells("nothing yet", 0, 0)
	end := fly(g)
	tells("one is in flight", time.Millisecond, 1)
	tells("it goes on", time.Millisecond, 1)
	end(now)
	tells("it has ended", time.Millisecond, 1)
	tells("nothing new", time.Second, 0)
	tells("all, now and then", alwaysEvery, 1)
	lost, _ := r.counts(knows, now)
	if len(lost.Counted) != 0 {
		t.Fatal("told for nothing")
	}
	fly(g)(now)
	if said, _ := r.counts(knows, now); len(said.Counted) != 1 {
		t.Fatal("not told")
	}
	tells("what did not arrive", 0, 1)
}

func TestAReportIsBounded(t *testing.T) {
	r := testRouter(t)
	const instances = 2000
	for n := range divide(r, 1, instances).every {
		g := &r.table.Load().routes[anything].split().groups[n]
		for m := range g.tallies {
			for b := slipway.FirstBucket; b < slipway.LastBucket; b++ {
				g.tallies[m].arms[0].count(b.Begin()+1, succeeded, false)
			}
		}
	}
	var knows told
	all := map[slipway.InstanceID]bool{}
	for rounds := 1; len(all) < instances; rounds++ {
		s := r.status()
		knows = r.counted(&s, knows, time.Now())
		if size := sizeOf(t, s); size > wire.MaxStatus || rounds > 20 {
			t.Fatalf("%d bytes; %d instances were told in %d rounds", size, len(all), rounds)
		}
		for _, c := range s.Targets[0].Counted {
			all[c.Instance] = true
		}
	}
}

func TestTalliesAreForgotten(t *testing.T) {
	r, now := testRouter(t), time.Now()
	var first *group
	var end func(time.Time)
	for generation := uint64(1); generation <= 3; generation++ {
		g := &divide(r, generation, 2).split().groups[0]
		switch generation {
		case 1:
			first = g
			end = fly(g)
		case 2:
			fly(g)(now)
		}
	}
	keeps := func(what string, after time.Duration, want int) {
		t.Helper()
		now = now.Add(after)
		r.forget(now)
		if n := len(r.table.Load().routes[anything].traffic.tallies); n != want {
			t.Fatalf("%s: %d tallies, not %d", what, n, want)
		}
	}
	keeps("three routes of two instances", 0, 6)
	keeps("two that counted, and the last", neverCounted+1, 4)
	keeps("what counts, and the last", keptFor, 3)
	end(now)
	keeps("it has ended", time.Second, 2)
	if first.tallies[0].arms[0].ended+first.tallies[0].arms[1].ended != 1 {
		t.Error("it was not counted")
	}
	for generation := uint64(4); generation < 100; generation++ {
		for _, g := range divide(r, generation, 100).split().groups {
			for n := range g.tallies {
				g.tallies[n].arms[0].count(time.Second, succeeded, false)
			}
		}
	}
	keeps("all that there is room for", 0, mostTallies)
}

func sizeOf(t *testing.T, s wire.Status) int {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// What counting costs a request is the difference of the two.
func BenchmarkFlight(b *testing.B) {
	for _, counted := range []bool{false, true} {
		b.Run("counted="+strconv.FormatBool(counted), func(b *testing.B) {
			r := testRouter(b)
			s := divide(r, 1, 8).split()
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				f := new(flight)
				for p.Next() {
					f.began, f.completed = time.Now(), true
					g := s.draw()
					at := g.least(nil, f.began)
					if counted {
						f.arm = g.arm(at)
					}
					g.endpoints[at].acquire(f)
					f.ended = time.Now()
					g.endpoints[at].release(f)
				}
			})
		})
	}
}

// As many that fail at once, after they were counted, fail as many cells as if they
// had come one after another; one by one they fail those of their time.
func TestWhatFailsLateFailsCells(t *testing.T) {
	var at, apart arm
	ask := func(a *arm, n int) {
		for range n {
			a.count(time.Millisecond, succeeded, false)
		}
	}
	ask(&at, 4)
	for range 20 {
		at.correct(brokeOff, false)
	}
	ask(&at, 60)
	if at.cells != (slipway.Cells{All: 8, Failed: 3}) || at.late != 20 || at.failures[brokeOff] != 20 || at.ended != 64 {
		t.Errorf("%+v, %d late, %v", at.cells, at.late, at.failures)
	}
	for n := range 4 {
		ask(&apart, slipway.CellSize)
		if n == 1 {
			apart.correct(brokeOff, false)
		}
		if n == 2 {
			apart.correct(succeeded, true)
		}
		apart.correct(succeeded, false)
	}
	if apart.cells != (slipway.Cells{All: 4, Failed: 1, Refused: 1}) || apart.late != 2 || apart.refusals != 1 {
		t.Errorf("%+v, %d late", apart.cells, apart.late)
	}
}
