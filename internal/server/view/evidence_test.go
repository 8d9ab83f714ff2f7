package view

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Whoever reads rows wants no more failures than requests in any: those of requests
// that were counted before wait for the next.
func TestLateFailuresComeWithTheNextRequests(t *testing.T) {
	var batches [][]byte
	for _, n := range []struct{ requests, failed, late uint64 }{{10, 1, 0}, {0, 4, 4}, {2, 1, 0}, {1, 0, 0}, {9, 2, 1}} {
		s := evidence.Sample{Instance: "i-1", Tally: slipway.Tally{Requests: n.requests, Late: n.late, Failures: map[slipway.Failure]uint64{slipway.FailedReset: n.failed}}}
		text, err := json.Marshal(evidence.Batch{Weight: 1000, Canary: []evidence.Sample{s}, Baseline: []evidence.Sample{s}})
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, text)
	}
	rows, err := rowsOf(batches, false)
	if want := []Row{{10, 1, 10, 1}, {2, 2, 2, 2}, {1, 1, 1, 1}, {9, 4, 9, 4}}; err != nil || !slices.Equal(rows, want) {
		t.Errorf("%+v, %v", rows, err)
	}
}
