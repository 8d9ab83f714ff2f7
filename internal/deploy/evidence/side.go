package evidence

import "github.com/slipway-cd/slipway"

// side is what is new of all instances of one side.
type side struct {
	requests, started, failed, refused float64
	cells                              slipway.Cells
	took                               slipway.Histogram
	opened                             map[slipway.Bucket]int64
	minutes, lines                     float64
	classes                            map[string]Class
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
	return s
}

// over counts the requests that took longer than bucket b, and of how many that
// is known: of those that have ended, and of those in flight for longer than that.
// Without these, what hangs would look healthy.
func (s side) over(b slipway.Bucket) (k, n float64) {
	k, n = float64(s.took.Over(b)), float64(s.took.Total())
	for at, of := range s.opened {
		if at > b {
			k += float64(of)
			n += float64(of)
		}
	}
	n = max(n, 0)
	return min(max(k, 0), n), n
}

// exposure is what lines are counted against: requests, or the time of workers.
func (s side) exposure(k slipway.Kind) float64 {
	if k == slipway.Worker {
		return s.minutes
	}
	return s.started
}
