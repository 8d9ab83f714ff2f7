package evidence

import (
	"math"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Point is what was known after a batch.
type Point struct {
	At        time.Time           `json:"at"`
	Stage     int                 `json:"stage"`
	Weight    slipway.BasisPoints `json:"weight"`
	RatioLow  float64             `json:"ratio_low"`
	RatioHigh float64             `json:"ratio_high"` // [Unbounded]: not known
	Evidence  float64             `json:"evidence"`   // log10 E
	Metrics   []float64           `json:"metrics"`    // log10 of v E of each, in the order of [Verdict.Metrics]
}

// maxPoints bounds a picture: when there are as many, every other one goes.
const maxPoints = 600

func (j *Judge) draw(b Batch) {
	p := Point{At: b.At, Stage: b.Stage, Weight: b.Weight, Evidence: j.trial.total() / math.Ln10}
	p.RatioLow, p.RatioHigh = j.ratio.bounds()
	for _, s := range j.trial.shares {
		p.Metrics = append(p.Metrics, (j.trial.log(s)+math.Log(s.weight))/math.Ln10)
	}
	if n := len(j.points); n > 0 && j.batches%j.everyPoint != 0 && j.points[n-1].Stage == b.Stage {
		j.points[n-1] = p // the last one is always there
		return
	}
	if j.points = append(j.points, p); len(j.points) == maxPoints {
		kept := j.points[:0]
		for n, p := range j.points {
			if n%2 == 1 {
				kept = append(kept, p)
			}
		}
		j.points, j.everyPoint = kept, 2*j.everyPoint
	}
}

// History is how the evidence went, thinned out to at most 600 points.
func (j *Judge) History() []Point { return slices.Clone(j.points) }
