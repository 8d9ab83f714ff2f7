package router

import (
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
)

// tally is what is counted at one instance of a group by one route. A request is
// counted in one of its arms, chosen when it is sent there, and belongs to it until
// it has ended, whatever tables come in between. The endpoint's lock guards both,
// with the ring of what is in flight: whoever looks finds each request there or
// here, never in both nor in neither.
type tally struct {
	tallyKey
	weight  slipway.BasisPoints
	arms    [2]arm    // the second is the placebo's
	retired time.Time // when it was found to be of a route that is no more; the router's lock guards it
}

type tallyKey struct {
	fence    slipway.Fence
	group    slipway.GroupID
	endpoint *endpoint
}

// placeboPart: one of so many requests is counted for the placebo.
const placeboPart = 8

// arm draws where a request is counted.
func (t *tally) arm() *arm {
	if rand.Uint32()%placeboPart == 0 {
		return &t.arms[1]
	}
	return &t.arms[0]
}

// arm counts requests that have ended.
type arm struct {
	ended    uint64
	failures [len(failures)]uint64
	refusals uint64
	late     uint64 // failures and refusals of what had been counted
	cells    slipway.Cells
	cell     struct { // the one that is not full
		size            int
		failed, refused bool
		late            int // failures that it is failed by
	}
	took *spread // nil: none
}

// failure is a way in which a request fails.
type failure int

const (
	succeeded failure = iota
	answered5xx
	notConnected
	timedOut
	brokeOff
	aborted
)

var failures = [...]slipway.Failure{
	answered5xx: slipway.FailedAnswer, notConnected: slipway.FailedConnect, timedOut: slipway.FailedTimeout,
	brokeOff: slipway.FailedReset, aborted: slipway.FailedAbort,
}

// count counts one request.
func (a *arm) count(took time.Duration, failed failure, refused bool) {
	a.ended++
	a.failures[failed]++
	c := &a.cell
	c.size++
	c.failed = c.failed || failed != succeeded
	if refused {
		a.refusals++
		c.refused = true
	}
	if c.size == slipway.CellSize {
		a.cells.All++
		a.cells.Failed += one(c.failed)
		a.cells.Refused += one(c.refused)
		more := max(c.late-slipway.CellSize, 0)
		*c = arm{}.cell
		c.late, c.failed = more, more > 0
	}
	if a.took == nil {
		a.took = new(spread)
	}
	a.took.add(slipway.BucketOf(took))
}

// correct counts what became of a request that was counted as a success when its
// answer began. As many that fail at once fail as many cells as if they had come one
// after another.
func (a *arm) correct(failed failure, refused bool) {
	c := &a.cell
	switch {
	case failed != succeeded:
		a.late++
		a.failures[failed]++
		c.failed = true
		c.late++
	case refused:
		a.late++
		a.refusals++
		c.refused = true
	}
}

func one(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

// spread is a histogram, of which there is what was needed so far.
type spread [(slipway.LastBucket-slipway.FirstBucket)/slipway.BucketsPerDouble + 1]*[slipway.BucketsPerDouble]uint64

func (d *spread) add(b slipway.Bucket) {
	at := b - slipway.FirstBucket
	part := &d[at/slipway.BucketsPerDouble]
	if *part == nil {
		*part = new([slipway.BucketsPerDouble]uint64)
	}
	(*part)[at%slipway.BucketsPerDouble]++
}

func (d *spread) clone() *spread {
	if d == nil {
		return nil
	}
	c := new(spread)
	for n, part := range d {
		if part != nil {
			of := *part
			c[n] = &of
		}
	}
	return c
}

func (d *spread) histogram() slipway.Histogram {
	if d == nil {
		return nil
	}
	h := slipway.Histogram{}
	for n, part := range d {
		if part == nil {
			continue
		}
		for m, of := range part {
			if of > 0 {
				h[slipway.FirstBucket+slipway.Bucket(n*slipway.BucketsPerDouble+m)] = of
			}
		}
	}
	return h
}

// mark is how far an arm has come.
type mark struct {
	ended, late uint64
	open        int
}

// sight is an arm at one moment, and how long those have been in flight then that
// are.
type sight struct {
	mark
	arm
	ages []time.Duration
}

// look returns those arms of t of which wanted is told how far they have come, and
// wants to know more.
func (t *tally) look(now time.Time, wanted func(*arm, mark) bool) (seen [2]*sight) {
	e := t.endpoint
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looked = now
	var ages [2][]time.Duration
	for f := e.flights.next; f != &e.flights; f = f.next {
		for n := range t.arms {
			if f.arm == &t.arms[n] {
				ages[n] = append(ages[n], now.Sub(f.began))
			}
		}
	}
	for n := range t.arms {
		a, m := &t.arms[n], mark{t.arms[n].ended, t.arms[n].late, len(ages[n])}
		if wanted(a, m) {
			seen[n] = &sight{m, *a, ages[n]}
			seen[n].took = a.took.clone()
		}
	}
	return seen
}

// idle reports whether nothing of t is in flight, and whether nothing was ever counted.
func (t *tally) idle() (still, unused bool) {
	still, unused = true, true
	t.look(time.Now(), func(_ *arm, m mark) bool {
		still = still && m.open == 0
		unused = unused && m == mark{}
		return false
	})
	return still, unused
}

// tally is what is said of the requests of an arm.
func (a *sight) tally() slipway.Tally {
	t := slipway.Tally{Requests: a.arm.ended, Refusals: a.refusals, Late: a.arm.late, Cells: a.cells, Took: a.took.histogram()}
	for n, of := range a.failures {
		if n == int(succeeded) || of == 0 {
			continue
		}
		if t.Failures == nil {
			t.Failures = map[slipway.Failure]uint64{}
		}
		t.Failures[failures[n]] = of
	}
	for _, age := range a.ages {
		if t.Open == nil {
			t.Open = slipway.Histogram{}
		}
		t.Open[slipway.BucketOf(age)]++
	}
	return t
}
