package router

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// endpoint is an instance as the data plane knows it: the same one over all
// tables that name it, and after that until nothing is in flight to it.
//
// Whether it may be used and how many requests use it are one word, changed by
// compare-and-swap. Once the gone bit is set the count only falls; a router that
// has said zero can therefore never be wrong later.
type endpoint struct {
	slipway.Endpoint
	target  slipway.TargetID
	owner   procid.ID // that listens there, by its process
	drained func()    // called when the last flight of a gone endpoint has ended

	state atomic.Uint64 // gone bit and flights
	idle  pool
	wellbeing

	mu      sync.Mutex
	flights flight    // the ring that they are in
	looked  time.Time // when somebody looked at how long they have been in flight
	cutting bool      // the drain is over: what is still here is cut
	timer   *time.Timer
}

const goneBit = 1 << 63

func newEndpoint(t slipway.TargetID, e slipway.Endpoint, drained func()) *endpoint {
	n := &endpoint{Endpoint: e, target: t, owner: owner(e), drained: drained}
	n.flights.next, n.flights.prev = &n.flights, &n.flights
	return n
}

// acquire registers f in flight. It fails when the endpoint has left the
// table; then a newer table is in effect already.
func (e *endpoint) acquire(f *flight) bool {
	for {
		s := e.state.Load()
		if s&goneBit != 0 {
			return false
		}
		if e.state.CompareAndSwap(s, s+1) {
			break
		}
	}
	e.try(f)
	e.list(f)
	return true
}

// list has f found by a cut.
func (e *endpoint) list(f *flight) {
	e.mu.Lock()
	f.prev, f.next = e.flights.prev, &e.flights
	f.prev.next, e.flights.prev = f, f
	cutting := e.cutting
	e.mu.Unlock()
	if cutting {
		f.cut()
	}
}

// unlist ends f here. It counts what became of it, if nobody has before.
func (e *endpoint) unlist(f *flight, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.prev.next, f.next.prev = f.next, f.prev
	f.prev, f.next = nil, nil
	e.count(f, at)
	e.correct(f)
}

// settle counts f as if it had ended, for it may go on for as long as it likes. How
// it ends in truth is corrected then, if it was a success so far.
func (e *endpoint) settle(f *flight, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.heard = at
	if f.failure(at) == succeeded && !f.refused() {
		f.settled = f.arm
	}
	e.count(f, at)
}

// amend corrects what was counted of f when it began, by what is known of its end.
func (e *endpoint) amend(f *flight) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.correct(f)
}

func (e *endpoint) correct(f *flight) {
	if f.settled == nil {
		return
	}
	if failed := f.afterwards(); failed != succeeded || f.refused() {
		f.settled.correct(failed, f.refused())
		f.settled = nil
	}
}

// count counts f once. It took no less than somebody has seen already.
func (e *endpoint) count(f *flight, at time.Time) {
	if f.arm == nil {
		return
	}
	if at.Before(e.looked) {
		at = e.looked
	}
	f.arm.count(at.Sub(f.began), f.failure(at), f.refused())
	f.arm = nil
}

// release ends what acquire began. Connections of f are closed or idle by then.
func (e *endpoint) release(f *flight) {
	e.unlist(f, f.ended)
	e.uncount()
}

func (e *endpoint) uncount() {
	if e.state.Add(^uint64(0)) == goneBit {
		e.drained()
	}
}

// inFlight is exact for an endpoint that is gone, and a moment's truth for one
// that is not.
func (e *endpoint) inFlight() int { return int(e.state.Load() &^ goneBit) }

func (e *endpoint) gone() bool { return e.state.Load()&goneBit != 0 }

// leave ends the use of e: nothing new from now on, idle connections closed,
// and what is in flight cut after drain.
func (e *endpoint) leave(drain time.Duration) {
	e.state.Or(goneBit)
	e.idle.close()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer = time.AfterFunc(drain, e.cut)
}

// rejoin takes leave back, for an endpoint that a newer table names again.
func (e *endpoint) rejoin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.timer.Stop()
	e.cutting = false
	e.idle.open()
	e.state.And(^uint64(goneBit))
}

func (e *endpoint) cut() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.gone() {
		return // it came back while the timer fired
	}
	e.cutting = true
	for f := e.flights.next; f != &e.flights; f = f.next {
		f.cut()
	}
}
