package evidence

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Decision is what the counts say is to be done with a candidate.
type Decision string

const (
	// Inconclusive: neither good nor bad was shown yet. It never passes.
	Inconclusive Decision = "inconclusive"
	// Continue: nothing has alarmed, and a tenfold rise of errors is excluded. That
	// is enough for more weight.
	Continue Decision = "continue"
	// Promote: besides, errors and latency were shown to be within their margins.
	// That is enough for all traffic.
	Promote Decision = "promote"
	// Rollback: the candidate is worse than is tolerated. It stays so, whatever comes.
	Rollback Decision = "rollback"
	// Worse: the candidate is worse than is tolerated, and nothing served before that
	// it could go back to, which would make all requests fail and not some. It stays
	// so, whatever comes: a person decides.
	Worse Decision = "worse"
	// ReplaceInstance: one instance is worse and the others are not. It stays so until
	// a batch comes without that instance, from which all is counted anew.
	ReplaceInstance Decision = "replace_instance"
)

// Unbounded is a ratio that nothing is known to be above.
const Unbounded = 0

// Verdict is a decision, and what it is by.
type Verdict struct {
	Decision         Decision           `json:"verdict"`
	Instance         slipway.InstanceID `json:"instance,omitempty"` // to be replaced
	Batch            int                `json:"batch"`              // how many batches led to it
	CanaryRequests   uint64             `json:"canary_requests"`    // that have begun
	BaselineRequests uint64             `json:"baseline_requests"`
	Lasted           time.Duration      `json:"lasted"`     // since the candidate's first request
	Evidence         float64            `json:"evidence"`   // E, to 1, that it is worse than is tolerated; at most 1e260
	RatioLow         float64            `json:"ratio_low"`  // confidence sequence of error rates, candidate to stable; 0: not known
	RatioHigh        float64            `json:"ratio_high"` // [Unbounded]: not known
	Metrics          []Metric           `json:"metrics,omitempty"`
	Need             Need               `json:"need"`
	Why              string             `json:"why"`
}

// Metric is what one metric adds to the evidence.
type Metric struct {
	Name     string  `json:"name"`
	Weight   float64 `json:"weight"` // v, of alpha
	E        float64 `json:"e"`      // all evidence is the sum of v E
	Canary   Count   `json:"canary"` // in requests, instance-minutes or what a query counts; of latency, over its most telling cut
	Baseline Count   `json:"baseline"`
	Lacks    string  `json:"lacks,omitempty"` // of a query: why its counts may say nothing
}

// Need is about how many more requests of the candidate it would take, if it is
// as good as the stable group; 0: none, or nobody can tell.
type Need struct {
	Continue uint64  `json:"continue"`
	Promote  uint64  `json:"promote"`
	Rate     float64 `json:"rate"` // requests of both groups per second, lately
}
