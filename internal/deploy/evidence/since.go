package evidence

import (
	"maps"

	"github.com/slipway-cd/slipway"
)

// since is what is new of an instance from one count to the next.
func since(was, now slipway.Counted) (s Sample, news bool, err error) {
	s = Sample{Instance: now.Instance, Placebo: now.Placebo}
	d := difference{}
	s.Requests = d.of(was.Requests, now.Requests)
	s.Refusals = d.of(was.Refusals, now.Refusals)
	s.Late = d.of(was.Late, now.Late)
	s.Cells.All = d.of(was.Cells.All, now.Cells.All)
	s.Cells.Failed = d.of(was.Cells.Failed, now.Cells.Failed)
	s.Cells.Refused = d.of(was.Cells.Refused, now.Cells.Refused)
	s.Failures = each(&d, was.Failures, now.Failures)
	s.Took = each(&d, was.Took, now.Took)
	if d.backwards {
		return Sample{}, false, slipway.Errorf(slipway.Conflict, "counts of %s by router %s (%s) for route %s go backwards", now.Instance, now.Router, now.Boot, now.Fence)
	}
	s.Opened = opened(was.Open, now.Open)
	return s, d.news || len(s.Opened) > 0, nil
}

// difference subtracts, and notices.
type difference struct{ news, backwards bool }

func (d *difference) of(was, now uint64) uint64 {
	if now < was {
		d.backwards = true
		return 0
	}
	d.news = d.news || now > was
	return now - was
}

func each[M ~map[K]uint64, K comparable](d *difference, was, now M) M {
	var more M
	for k := range was {
		d.of(was[k], now[k])
	}
	for k := range now {
		if n := d.of(was[k], now[k]); n > 0 {
			if more == nil {
				more = M{}
			}
			more[k] = n
		}
	}
	return more
}

func opened(was, now slipway.Histogram) map[slipway.Bucket]int64 {
	var more map[slipway.Bucket]int64
	both := maps.Clone(was)
	if both == nil {
		both = slipway.Histogram{}
	}
	maps.Copy(both, now)
	for b := range both {
		if n := int64(now[b]) - int64(was[b]); n != 0 { //nolint:gosec // requests in flight are fewer than 2^63
			if more == nil {
				more = map[slipway.Bucket]int64{}
			}
			more[b] = n
		}
	}
	return more
}

// add puts what is new of an instance to what other routers have counted of it.
func (b *Batch) add(canary bool, s Sample) {
	to := b.sample(canary, s.Instance, s.Placebo)
	to.Requests += s.Requests
	to.Refusals += s.Refusals
	to.Late += s.Late
	to.Cells.All += s.Cells.All
	to.Cells.Failed += s.Cells.Failed
	to.Cells.Refused += s.Cells.Refused
	to.Failures = plus(to.Failures, s.Failures)
	to.Took = plus(to.Took, s.Took)
	to.Opened = plus(to.Opened, s.Opened)
}

func plus[M ~map[K]V, K comparable, V uint64 | int64](to, more M) M {
	if to == nil {
		return more
	}
	for k, n := range more {
		to[k] += n
	}
	return to
}

func (b *Batch) sample(canary bool, id slipway.InstanceID, placebo bool) *Sample {
	side := &b.Baseline
	if canary {
		side = &b.Canary
	}
	for n := range *side {
		if s := &(*side)[n]; s.Instance == id && s.Placebo == placebo {
			return s
		}
	}
	*side = append(*side, Sample{Instance: id, Placebo: placebo})
	return &(*side)[len(*side)-1]
}
