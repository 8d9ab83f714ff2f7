package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Evidence is what was counted of a candidate beside what serves, and what
// follows from it.
type Evidence struct {
	Verdict          string  `json:"verdict"`            // continue, promote, rollback, worse, inconclusive, replace_instance; "" before anything was counted
	Instance         string  `json:"instance,omitempty"` // to be replaced
	Worst            string  `json:"worst,omitempty"`    // the candidate's instance that had the most errors
	Why              string  `json:"why,omitempty"`
	Batches          int     `json:"batches"` // of counts that led to it
	CanaryRequests   uint64  `json:"canary_requests"`
	BaselineRequests uint64  `json:"baseline_requests"`
	LastedMS         int64   `json:"lasted_ms"`  // since the candidate's first request
	Evidence         float64 `json:"evidence"`   // to 1, that it is worse than is tolerated
	RatioLow         float64 `json:"ratio_low"`  // by how many times it fails more often than the stable group, at least; 0: not known
	RatioHigh        float64 `json:"ratio_high"` // at most; 0: not known

	First         bool             `json:"first,omitempty"` // nothing served before: there is nothing to compare it with, and nothing to go back to
	SLO           float64          `json:"slo"`             // a part of 1: errors that are tolerated where nothing serves beside it
	Limit         float64          `json:"limit"`           // it goes back, or is held where nothing served before, when Evidence reaches this
	Tolerance     float64          `json:"tolerance"`       // times the stable group's error rate, and Margin more, are tolerated
	Margin        float64          `json:"margin"`          // a part of 1, as that below
	PromoteRatio  float64          `json:"promote_ratio"`
	PromoteMargin float64          `json:"promote_margin"` // with this it is promoted
	Metrics       []EvidenceMetric `json:"metrics"`
	Need          EvidenceNeed     `json:"need"`
	Errors        []NewError       `json:"errors,omitempty"` // first seen of the candidate, and not as often of the stable group since; at most 5
	Quantiles     []Quantile       `json:"quantiles,omitempty"`
	History       []EvidencePoint  `json:"history,omitempty"` // at most 200
}

// EvidenceMetric is what one metric adds: the evidence is the sum of weight
// times e.
type EvidenceMetric struct {
	Name     string        `json:"name"`   // errors, latency, refusals, guard, logs, exceptions, or that of a query
	Weight   float64       `json:"weight"` // a part of 1
	E        float64       `json:"e"`
	Canary   EvidenceCount `json:"canary"` // both 0 where nothing is counted so
	Baseline EvidenceCount `json:"baseline"`
	Lacks    string        `json:"lacks,omitempty"` // of a query: why its counts may say nothing
}

// EvidenceCount is how many of how many failed: of requests, instance-minutes or
// whatever a query counts.
type EvidenceCount struct {
	Failed float64 `json:"failed"`
	All    float64 `json:"all"`
}

// EvidenceNeed is about how many more requests of the candidate a verdict would
// take, if it is as good as the stable group; 0: none, or nobody can tell.
type EvidenceNeed struct {
	Continue uint64  `json:"continue"`
	Promote  uint64  `json:"promote"`
	Rate     float64 `json:"rate"` // requests per second of both, lately
}

// NewError is a class of errors that a candidate printed first.
type NewError struct {
	Title    string `json:"title"`
	Canary   uint64 `json:"canary"`
	Baseline uint64 `json:"baseline"` // since then
}

// Quantile is a latency that all but a part of the requests stay below: p50, p75,
// p90, p95, p99.
type Quantile struct {
	Name     string `json:"name"`
	Canary   Band   `json:"canary"`
	Baseline Band   `json:"baseline"`
}

// Band is a quantile, and between what it lies with 95 % confidence; 0: not
// known.
type Band struct {
	LowMS  float64 `json:"low_ms"`
	MS     float64 `json:"ms"`
	HighMS float64 `json:"high_ms"`
}

// EvidencePoint is what was known at a moment.
type EvidencePoint struct {
	At        time.Time `json:"at"`
	Stage     int       `json:"stage"`  // index
	Weight    int       `json:"weight"` // of the candidate, basis points
	RatioLow  float64   `json:"ratio_low"`
	RatioHigh float64   `json:"ratio_high"`
	Evidence  float64   `json:"evidence"` // its decimal logarithm
	Metrics   []float64 `json:"metrics"`  // that of weight times e of each, in their order; -99 for nothing
}

// EvidenceBatches is what a verdict was found from, and can be found from again.
type EvidenceBatches struct {
	Deployment int64             `json:"deployment"`
	Kind       string            `json:"kind"`
	First      bool              `json:"first,omitempty"` // nothing served before
	Rules      json.RawMessage   `json:"rules"`           // what is tolerated
	Batches    []json.RawMessage `json:"batches"`         // in their order; the counts of each instance
}

// Evidence is what was counted of a deployment's candidate, batch by batch.
func (c *Client) Evidence(ctx context.Context, deployment int64) (EvidenceBatches, error) {
	return call[EvidenceBatches](ctx, c, http.MethodGet, evidencePath(deployment, ""), nil, nil)
}

// EvidenceCSV is the same as lines nC,xC,nB,xB: requests or, when cells is set,
// cells of 8 requests, of the candidate and those of them that failed, and of the
// stable group. The caller closes it.
func (c *Client) EvidenceCSV(ctx context.Context, deployment int64, cells bool) (io.ReadCloser, error) {
	return c.stream(ctx, evidencePath(deployment, ".csv"), query("cells", cells), "text/csv")
}

// EvidencePicture is a drawing of the evidence, as SVG. The caller closes it.
func (c *Client) EvidencePicture(ctx context.Context, deployment int64) (io.ReadCloser, error) {
	return c.stream(ctx, evidencePath(deployment, ".svg"), nil, "image/svg+xml")
}

func evidencePath(deployment int64, form string) string {
	return path("deployments", strconv.FormatInt(deployment, 10), "evidence"+form)
}
