package evidence

import "github.com/slipway-cd/slipway"

// side is what is new of all instances of one side.
type side struct {
	requests, started, failed, refused float64
	cells                              slipway.Cells
	took                               slipway.Histogram
	opened                             map[slipway.Bucket]int64
	minutes, lines, ended              float64
	classes                            map[string]Class

	longer, hanging []float64 // that took longer than a bucket; in flight for longer than that
}

// together puts samples together, but for those of one instance.
func together(all []Sample, without slipway.InstanceID) side {
	s := side{took: slipway.Histogram{}, opened: map[slipway.Bucket]int64{}, classes: map[string]Class{}}
	for _, of := range all {
		if of.Instance == without {
			continue
		}
		s.requests += float64(of.Requests)
		s.started += of.Started()
		s.failed += float64(of.Failed())
		s.refused += float64(of.Refusals)
		s.cells.All += of.Cells.All
		s.cells.Failed += of.Cells.Failed
		s.cells.Refused += of.Cells.Refused
		s.minutes += of.Minutes
		s.lines += float64(of.Errors)
		s.took, s.opened = plus(s.took, of.Took), plus(s.opened, of.Opened)
		for _, c := range of.Classes {
			c.Count += s.classes[c.ID].Count
			s.classes[c.ID] = c
		}
	}
	s.count()
	return s
}

// count sums up what took longer than each bucket.
func (s *side) count() {
	const all = slipway.LastBucket - slipway.FirstBucket + 2
	s.longer, s.hanging = make([]float64, all), make([]float64, all)
	for b, n := range s.took {
		s.longer[place(b)] += float64(n)
		s.ended += float64(n)
	}
	for b, n := range s.opened {
		s.longer[place(b)] += float64(n)
		s.hanging[place(b)] += float64(n)
	}
	for at := len(s.longer) - 2; at >= 0; at-- {
		s.longer[at] += s.longer[at+1]
		s.hanging[at] += s.hanging[at+1]
	}
}

// place of a bucket in what a side counts.
func place(b slipway.Bucket) slipway.Bucket {
	return min(max(b, slipway.FirstBucket), slipway.LastBucket) - slipway.FirstBucket
}

// over counts the requests that took longer than bucket b, and of how many that
// is known: of those that have ended, and of those in flight for longer than that.
// Without these, what hangs would look healthy.
func (s side) over(b slipway.Bucket) (k, n float64) {
	next := min(max(b+1, slipway.FirstBucket), slipway.LastBucket+1) - slipway.FirstBucket
	n = max(s.ended+s.hanging[next], 0)
	return min(max(s.longer[next], 0), n), n
}

// exposure is what lines are counted against: requests, or the time of workers.
func (s side) exposure(k slipway.Kind) float64 {
	if k == slipway.Worker {
		return s.minutes
	}
	return s.started
}
