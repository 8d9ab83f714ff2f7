package router

import (
	"net/http"
	"sync/atomic"
	"time"
)

// wellbeing is what requests have found out about an endpoint. One that fails is
// passed over for a while, for longer each time; then one request finds out
// whether it is well, and the others follow:
//
//	in use ── refused, or failures in a row ──► ejected ── its time is over ──► on trial
//	   ▲                                           ▲ fails                         │
//	   └───────────────────────────────────────────┴───────────────────── answers ─┘
//
// A group passes over half of its endpoints at most, and only within itself:
// what a group gets does not depend on how well the others are.
type wellbeing struct {
	row   atomic.Int32 // failures one after another
	times atomic.Int32 // ejected, lately
	since atomic.Int64 // ejected, in Unix nanoseconds
	until atomic.Int64 // not before that on trial; 0: in use
	trial atomic.Bool  // somebody finds out
}

const (
	failuresInARow   = 5
	shortestEjection = time.Second
	longestEjection  = 30 * time.Second
	forgiven         = 5 * time.Minute // after the last ejection
)

// isDown reports whether w's endpoint is to be passed over.
func (w *wellbeing) isDown(now time.Time) bool {
	until := w.until.Load()
	return until != 0 && (now.UnixNano() < until || w.trial.Load())
}

// try makes f the one that finds out, if it is time for that.
func (w *wellbeing) try(f *flight) {
	until := w.until.Load()
	f.trial = until != 0 && f.began.UnixNano() >= until && w.trial.CompareAndSwap(false, true)
}

// eject passes the endpoint over for a while, for longer each time.
func (w *wellbeing) eject(now time.Time) {
	if last := w.since.Swap(now.UnixNano()); now.UnixNano()-last > int64(forgiven) {
		w.times.Store(0)
	}
	pause := longestEjection
	if n := w.times.Add(1); n < 6 {
		pause = min(shortestEjection<<(n-1), longestEjection)
	}
	w.until.Store(now.Add(pause).UnixNano())
	w.row.Store(0)
	w.trial.Store(false)
}

// judge draws its conclusions from a request that has ended, and reports whether
// the endpoint was ejected for it.
func (w *wellbeing) judge(f *flight) (ejected bool) {
	switch {
	case f.broke || f.truncated && !f.clientGone() || isGateway(f.answer):
		if w.row.Add(1) >= failuresInARow || f.trial {
			w.eject(f.ended)
			return true
		}
	case f.answer != 0:
		if w.row.Load() != 0 {
			w.row.Store(0)
		}
		if w.until.Load() != 0 && f.began.UnixNano() >= w.since.Load() {
			w.until.Store(0)
		}
	}
	if f.trial {
		w.trial.Store(false)
	}
	return false
}

// isGateway reports whether an instance answers that it cannot serve at all,
// rather than that this request went wrong.
func isGateway(code int) bool {
	return code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}
