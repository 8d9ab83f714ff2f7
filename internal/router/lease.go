package router

import (
	"math"
	"sync/atomic"
	"time"
)

// Some weights are only lent: a router that has not heard of the server for the
// time of the lease sends everything to the fallback by itself, because nobody
// could take a bad candidate out of the traffic. It takes the weights up again
// when it hears of the server, a moment later, so that the server has heard of
// it in between.
//
//	lent ── silence > lease, or a new process ──► away ── heard ──► back ── settle ──► lent

// contact is when the server was heard last: a poll or a report that it has
// answered. It is measured by the clock that goes on while the machine sleeps.
type contact struct{ last atomic.Int64 } // 0: never by this process

func (c *contact) heard() { c.last.Store(bootClock()) }

// silent is how long no server has answered.
func (c *contact) silent() time.Duration { return time.Duration(bootClock() - c.last.Load()) }

// lease is where a target's lent weights are in the picture above, whatever
// table says how long they hold.
type lease struct {
	contact *contact
	back    atomic.Int64 // when the server was heard again; 0: lent
}

const (
	away   = math.MaxInt64
	settle = 2 * time.Second
)

// lapsed reports whether the weights are not to be followed now.
func (r *route) lapsed() bool { return r.Lease > 0 && r.lease.over(r.Lease) }

func (l *lease) over(holds time.Duration) bool {
	now, last := bootClock(), l.contact.last.Load()
	if last == 0 || time.Duration(now-last) > holds {
		l.back.Store(away)
		return true
	}
	switch back := l.back.Load(); {
	case back == 0:
		return false
	case back == away:
		l.back.CompareAndSwap(away, now)
		return true
	case time.Duration(now-back) < min(settle, holds):
		return true
	default:
		l.back.CompareAndSwap(back, 0)
		return false
	}
}
