package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// aim is an address with its share of the load.
type aim struct {
	url   string
	share int
}

// load sends requests at a constant rate, whether or not earlier ones were
// answered (open loop), and counts those that were lost. It never retries. On a
// machine too slow for the rate there is a bound: what it keeps from being sent
// is counted apart, for nobody was asked.
type load struct {
	requests, losts atomic.Int64
	held            atomic.Int64 // not sent
	open            atomic.Int64
	ended           chan struct{}
	once            sync.Once
	wg              sync.WaitGroup

	mu      sync.Mutex
	reasons map[string]loss
}

// loss is how often a request was lost for one reason, and when: so that it can
// be found in the events.
type loss struct {
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
	answerTime = 30 * time.Second // no answer by then: lost
	maxReasons = 20
	clock      = "15:04:05.000" // as events are shown
)

// startLoad sends rate requests a second until stop.
func startLoad(rate int, aims []aim) *load {
	l := &load{ended: make(chan struct{}), reasons: map[string]loss{}}
	var wheel []*visitor
	for _, a := range aims {
		v := newVisitor(a.url)
		for range a.share {
			wheel = append(wheel, v)
		}
	}
	l.wg.Go(func() { l.run(rate, wheel) })
	return l
}

func (l *load) run(rate int, wheel []*visitor) {
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
			v, own := wheel[n%len(wheel)], (n/len(wheel))%fresh == 0
			if l.open.Load() >= mostOpen {
				l.held.Add(1)
				continue
			}
			l.requests.Add(1)
			l.open.Add(1)
			l.wg.Go(func() {
				defer l.open.Add(-1)
				if err := v.visit(own, answerTime); err != nil {
					l.lose(err.Error())
				}
			})
		}
	}
}

func (l *load) lose(reason string) {
	l.losts.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	at := time.Now()
	past, known := l.reasons[reason]
	if !known {
		past.first = at
	}
	if known || len(l.reasons) < maxReasons {
		l.reasons[reason] = loss{past.count + 1, past.first, at}
	}
}

func (l *load) sent() int { return int(l.requests.Load()) }
func (l *load) lost() int { return int(l.losts.Load()) }

// notSent counts the requests that were due while too many were open.
func (l *load) notSent() int { return int(l.held.Load()) }

// stop ends the load and waits for the answers that are due.
func (l *load) stop() {
	l.once.Do(func() { close(l.ended) })
	l.wg.Wait()
}

// losses says why requests were lost.
func (l *load) losses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, reason := range slices.Sorted(maps.Keys(l.reasons)) {
		one := l.reasons[reason]
		all = append(all, fmt.Sprintf("%d × %s (%s to %s)", one.count, reason, one.first.Format(clock), one.last.Format(clock)))
	}
	return strings.Join(all, "; ")
}
