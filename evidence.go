package slipway

import (
	"fmt"
	"time"
)

// Evidence says how a candidate is judged by what is counted of it while it
// serves beside the stable group. Rates are parts of 1.
type Evidence struct {
	Rollback Bound // it goes back when it is worse than this
	Promote  Bound // it is promoted when it is no worse than this
	// Latency is by how much a candidate may be slower, in whole steps of
	// [Bucket]: 4 of them are 9.05 %.
	Latency Bucket
	// LatencyFloor is how much slower it may be anyhow: of answers that take a few
	// hundred microseconds, a part says nothing that anybody would notice.
	LatencyFloor time.Duration
	// Settle is how long each weight begins without its latency being looked at:
	// caches and connections of an instance that is new are cold.
	Settle      time.Duration
	MinRequests int           // of the candidate; with fewer it is never promoted, and only gross failure is found
	MaxHold     time.Duration // of one weight: a candidate that was not decided on by then goes back; 0: it waits for more traffic or a person
	WarmUp      time.Duration // from the beginning of a weight, which is not looked at
	SLO         float64       // errors that are tolerated where nothing serves beside the candidate
	Queries     []Query       `json:",omitempty"` // what a router does not see
}

// Bound is the worst error rate of a candidate that is tolerated, Ratio times
// that of the stable group and Margin more, and the probability with which that
// may be taken to be broken although it is not.
type Bound struct {
	Ratio  float64
	Margin float64 `json:",omitempty"`
	Error  float64
}

// DefaultEvidence is what a canary is judged by where its manifest leaves that
// open.
var DefaultEvidence = Evidence{
	Rollback:     Bound{Ratio: 1.2, Error: 0.01},
	Promote:      Bound{Ratio: 1.5, Margin: 0.0025, Error: 0.05},
	Latency:      4,
	LatencyFloor: 2 * time.Millisecond,
	Settle:       5 * time.Second,
	MinRequests:  300,
	SLO:          0.01,
}

// Bounds of evidence.
const (
	MinRatio       = 1.0
	MaxRatio       = 10.0
	MaxMargin      = 0.5
	MinError       = 1e-6
	MaxError       = 0.2
	MaxLatency     = 64 // four times as slow
	MaxMinRequests = 10_000_000
	MaxMaxHold     = 30 * 24 * time.Hour
	MaxQueries     = 10

	MaxLatencyFloor = 10 * time.Second
)

// Tolerated is the last bucket of a candidate's latency that counts as no longer
// than b of the stable group, when so many times the tolerance is granted.
func (e Evidence) Tolerated(b Bucket, times int) Bucket {
	return max(b+Bucket(times)*e.Latency, BucketOf((b+1).Begin()+time.Duration(times)*e.LatencyFloor))
}

// Fault is a value that nothing can be judged by.
type Fault struct {
	Key  string // where a manifest has it, in evidence: rollback.ratio
	Text string // what is wrong
}

// Validate returns an Invalid error that says what is wrong with e, the first of
// its [Evidence.Faults].
func (e Evidence) Validate() error {
	if all := e.Faults(); len(all) > 0 {
		return Errorf(Invalid, "%s", all[0].Text)
	}
	return nil
}

// Faults are all that is wrong with e.
func (e Evidence) Faults() []Fault {
	var all faults
	all.bound("rollback", "alpha", e.Rollback)
	all.bound("promote", "beta", e.Promote)
	all.add(e.Promote.Ratio >= MinRatio && e.Promote.Ratio < e.Rollback.Ratio, "promote.ratio", "must not be below rollback.ratio (%g), or what is as good as before is never decided on; it is %g", e.Rollback.Ratio, e.Promote.Ratio)
	all.add(e.Promote.Margin >= 0 && e.Promote.Margin < e.Rollback.Margin, "promote.margin", "must not be below rollback.margin (%s), or what is as good as before is never decided on; it is %s",
		inPercent(e.Rollback.Margin), inPercent(e.Promote.Margin))
	all.add(e.Latency < 1 || e.Latency > MaxLatency, "latency", "must be from %s to %s", inPercent(Bucket(1).longer()), inPercent(Bucket(MaxLatency).longer()))
	all.add(e.LatencyFloor < 0 || e.LatencyFloor > MaxLatencyFloor, "latency_floor", "must be from 0s to %s, not %s", MaxLatencyFloor, e.LatencyFloor)
	all.add(e.MinRequests < 0 || e.MinRequests > MaxMinRequests, "min_requests", "must be from 0 to %d, not %d", MaxMinRequests, e.MinRequests)
	all.add(e.MaxHold < 0 || e.MaxHold > MaxMaxHold, "max_hold", "must be from 0s to %s, not %s", MaxMaxHold, e.MaxHold)
	all.add(e.Settle < 0 || e.Settle > MaxHold, "settle", "must be from 0s to %s, not %s", MaxHold, e.Settle)
	all.add(e.WarmUp < 0 || e.WarmUp > MaxHold, "warm_up", "must be from 0s to %s, not %s", MaxHold, e.WarmUp)
	all.add(!(e.SLO > 0 && e.SLO < 1), "slo", "must be above 0 %% and below 100 %%, not %s", inPercent(e.SLO))
	all.queries(e.Queries)
	return all
}

// faults are gathered in the order in which they are looked for.
type faults []Fault

func (f *faults) add(wrong bool, key, format string, args ...any) {
	if wrong {
		*f = append(*f, Fault{key, key + " " + fmt.Sprintf(format, args...)})
	}
}

func (f *faults) bound(name, probability string, b Bound) {
	f.add(!(b.Ratio >= MinRatio && b.Ratio <= MaxRatio), name+".ratio", "must be from %g to %g, not %g", MinRatio, MaxRatio, b.Ratio)
	f.add(!(b.Margin >= 0 && b.Margin <= MaxMargin), name+".margin", "must be from 0 %% to %s, not %s", inPercent(MaxMargin), inPercent(b.Margin))
	f.add(!(b.Error >= MinError && b.Error <= MaxError), name+"."+probability, "must be from %s to %s, not %s", inPercent(MinError), inPercent(MaxError), inPercent(b.Error))
}

func (f *faults) queries(all []Query) {
	f.add(len(all) > MaxQueries, "queries", "must be at most %d, not %d", MaxQueries, len(all))
	named := map[string]bool{}
	for _, q := range all {
		if named[q.Name] {
			*f = append(*f, Fault{"queries", "two queries are named " + q.Name})
		}
		named[q.Name] = true
		if err := q.validate(); err != nil {
			*f = append(*f, Fault{"queries", MessageOf(err)})
		}
	}
}

// inPercent writes a part of 1 as people read it: 0.25 %.
func inPercent(part float64) string { return fmt.Sprintf("%.4g %%", 100*part) }

// Looks is what is kept of the looks at a candidate, so that its verdict can be
// found again: the counts of each, in the form of whoever judges, and the ledger of
// what was counted so far.
type Looks struct {
	Ledger  []byte
	Batches [][]byte
}

// Placebo is how often a part of a target's requests that was drawn at random was
// judged beside the rest of them, and how often it was taken for worse.
type Placebo struct {
	Target TargetID
	Trials int
	Alarms int
}
