package load

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Request is one visit to be made.
type Request struct {
	ID     string        // nobody else's; services are told it in the header [IDHeader]
	Own    bool          // on a connection of its own, not on a kept one
	Within time.Duration // no answer by then: lost
}

// IDHeader carries a request's ID.
const IDHeader = "Request-Id"

// A Visitor asks once. Its error says how the request was lost.
type Visitor interface {
	Visit(Request) error
}

// Aim is a visitor with its share of the load.
type Aim struct {
	Visitor Visitor
	Share   int
}

// Load sends requests at a constant rate, and counts those that were lost. On a
// machine too slow for the rate there is a bound: what it keeps from being sent
// is counted apart, for nobody was asked.
type Load struct {
	name            string
	requests, losts atomic.Int64
	held            atomic.Int64 // not sent
	again           atomic.Int64 // sent once more
	open            atomic.Int64
	ended           chan struct{}
	once            sync.Once
	wg              sync.WaitGroup

	mu      sync.Mutex
	reasons map[string]reason
	losses  []Loss
}

// Loss is a request that was lost.
type Loss struct {
	ID         string
	Why        string
	Began, End time.Time
	Connected  time.Time // when the connection was made that broke; zero: there was none, or it is not for that
}

// reason is how often a request was lost for one reason, and when: so that it
// can be found in the events.
type reason struct {
	count       int
	first, last time.Time
}

// Bounds of the load. mostOpen is what a router that stands still for a second and
// a half leaves open at the demo's rate. It is also what a machine answers within
// the ten seconds that the example's services wait for each other, even at a
// sixth of the rate: more would overload it beyond what it could ever answer.
const (
	tick       = 5 * time.Millisecond
	fresh      = 4                // every fourth request has a connection of its own
	mostOpen   = 1000             // requests without an answer; more are not sent
	mostAgain  = 3                // times that a request is sent once more
	answerTime = 30 * time.Second // no answer by then: lost
	maxReasons = 20
	maxLosses  = 10_000
	clock      = "15:04:05.000" // as events are shown
)

var loads atomic.Int64 // of this process, so that no two give the same ID

// Start sends rate requests a second until Stop.
func Start(rate int, aims []Aim) *Load {
	l := &Load{
		name:  fmt.Sprintf("%x-%x-", time.Now().UnixNano(), loads.Add(1)),
		ended: make(chan struct{}), reasons: map[string]reason{},
	}
	var wheel []Visitor
	for _, a := range aims {
		for range a.Share {
			wheel = append(wheel, a.Visitor)
		}
	}
	l.wg.Go(func() { l.run(rate, wheel) })
	return l
}

func (l *Load) run(rate int, wheel []Visitor) {
	t := time.NewTicker(tick)
	defer t.Stop()
	began := time.Now()
	for n := 0; ; {
		select {
		case <-l.ended:
			return
		case <-t.C:
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
			if l.open.Load() >= mostOpen {
				l.held.Add(1)
				continue
			}
			r := Request{ID: l.name + strconv.Itoa(n), Own: (n/len(wheel))%fresh == 0, Within: answerTime}
			l.send(wheel[n%len(wheel)], r)
		}
	}
}

func (l *Load) send(v Visitor, r Request) {
	l.requests.Add(1)
	l.open.Add(1)
	l.wg.Go(func() {
		defer l.open.Add(-1)
		began := time.Now()
		if err := l.visit(v, r); err != nil {
			loss := Loss{ID: r.ID, Why: err.Error(), Began: began, End: time.Now()}
			if broken, is := errors.AsType[*brokenError](err); is {
				loss.Connected = broken.made
			}
			l.lose(loss)
		}
	})
}

// visit visits, and once more for each time that nobody had begun the request,
// on another connection: those that are kept may end for the same reason.
func (l *Load) visit(v Visitor, r Request) (err error) {
	for range mostAgain + 1 {
		err = v.Visit(r)
		if _, unbegun := errors.AsType[*unbegunError](err); !unbegun {
			return err
		}
		l.again.Add(1)
		r.Own = true
	}
	return err
}

func (l *Load) lose(loss Loss) {
	l.losts.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	past, known := l.reasons[loss.Why]
	if !known {
		past.first = loss.End
	}
	if known || len(l.reasons) < maxReasons {
		l.reasons[loss.Why] = reason{past.count + 1, past.first, loss.End}
	}
	if len(l.losses) < maxLosses {
		l.losses = append(l.losses, loss)
	}
}

// Sent counts the requests so far.
func (l *Load) Sent() int { return int(l.requests.Load()) }

// Lost counts those of them that were lost.
func (l *Load) Lost() int { return int(l.losts.Load()) }

// Again counts how often a request was sent once more, for the server had said
// that it did not begin it. Only HTTP/2 can say that.
func (l *Load) Again() int { return int(l.again.Load()) }

// NotSent counts the requests that were due while too many were open.
func (l *Load) NotSent() int { return int(l.held.Load()) }

// Stop ends the load and waits for the answers that are due.
func (l *Load) Stop() {
	l.once.Do(func() { close(l.ended) })
	l.wg.Wait()
}

// Losses are the requests that were lost so far, the first ten thousand.
func (l *Load) Losses() []Loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.losses)
}

// Reasons says why requests were lost.
func (l *Load) Reasons() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, why := range slices.Sorted(maps.Keys(l.reasons)) {
		one := l.reasons[why]
		all = append(all, fmt.Sprintf("%d × %s (%s to %s)", one.count, why, one.first.Format(clock), one.last.Format(clock)))
	}
	return strings.Join(all, "; ")
}

// Name is what the IDs of its requests begin with.
func (l *Load) Name() string { return l.name }
