package evidence

import (
	"math"
	"time"

	"github.com/slipway-cd/slipway"
)

// total is what was counted of one side since the candidate has weight. It is for
// people: what is decided by, is decided batch by batch.
type total struct {
	requests, started, failed, refused, minutes, lines float64
	outside                                            map[string]Count
	took                                               slipway.Histogram
}

func (t *total) add(s side) {
	t.requests += s.requests
	t.started += s.started
	t.failed += s.failed
	t.refused += s.refused
	t.minutes += s.minutes
	t.lines += s.lines
	if t.took == nil {
		t.took = slipway.Histogram{}
	}
	t.took = plus(t.took, s.took)
}

func (t *total) count(s share, k slipway.Kind) Count {
	if s.outside {
		return t.outside[s.name]
	}
	switch s.name {
	case Errors, Guard:
		return Count{t.failed, t.requests}
	case Refusals:
		return Count{t.refused, t.requests}
	case Logs:
		if k == slipway.Worker {
			return Count{t.lines, t.minutes}
		}
		return Count{t.lines, t.started}
	}
	return Count{}
}

// rate is the part of its requests that failed.
func (t *total) rate() float64 { return Count{t.failed, t.requests}.Rate() }

// weight is how much there is to judge by.
func (t *total) weight() float64 { return max(t.started, t.minutes) }

// rate is of requests, a second, over the last half minute or so.
type rate struct{ now, seen float64 }

func (r *rate) look(took time.Duration, n float64) {
	if s := took.Seconds(); s > 0 && took < time.Hour {
		old := math.Exp(-s / 30)
		r.now, r.seen = old*r.now+(1-old)*n/s, old*r.seen+1-old
	}
}

func (r *rate) perSecond() float64 {
	if r.seen == 0 {
		return 0
	}
	return r.now / r.seen
}

// remember adds a batch to the totals.
func (j *Judge) remember(b Batch, canary, baseline side) {
	j.canary.add(canary)
	j.baseline.add(baseline)
	for _, o := range b.Outside {
		for t, n := range map[*total]Count{&j.canary: o.Canary, &j.baseline: o.Baseline} {
			if t.outside == nil {
				t.outside = map[string]Count{}
			}
			t.outside[o.Name] = t.outside[o.Name].plus(n)
		}
	}
	for _, s := range b.Canary {
		of := j.by[s.Instance]
		if of == nil {
			if len(j.by) == maxAlone {
				continue
			}
			of = &total{}
			j.by[s.Instance] = of
		}
		of.add(together([]Sample{s}, ""))
	}
	j.name(canary, baseline)
}
