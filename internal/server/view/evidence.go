package view

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Bounds of what is shown of evidence.
const (
	shownErrors = 5
	shownPoints = 200
)

// weighed is by what the candidate of d is judged; nil where nothing judges it.
func (v *Viewer) weighed(ctx context.Context, d slipway.Deployment, r slipway.Revision) (*api.Evidence, error) {
	if !tried(d, r) {
		return nil, nil
	}
	e := *r.Evidence
	shown := &api.Evidence{
		First: d.Stable == "", SLO: e.SLO,
		Limit: 1 / e.Rollback.Error, Tolerance: e.Rollback.Ratio, Margin: e.Rollback.Margin,
		PromoteRatio: e.Promote.Ratio, PromoteMargin: e.Promote.Margin, Metrics: []api.EvidenceMetric{},
	}
	return shown, v.judged(ctx, d, r, func(j *evidence.Judge, _ int) { weigh(shown, j) })
}

// tried reports whether a candidate is judged by evidence, or was.
func tried(d slipway.Deployment, r slipway.Revision) bool {
	return r.Evidence != nil && !d.StartedAt.IsZero() && slices.ContainsFunc(d.Stages, func(s slipway.Stage) bool {
		return slices.Contains(s.Gates, slipway.GateEvidence)
	})
}

// weigh shows what j says.
func weigh(shown *api.Evidence, j *evidence.Judge) {
	said := j.Verdict()
	if said.Batch == 0 {
		return
	}
	shown.Verdict, shown.Instance, shown.Why, shown.Batches = string(said.Decision), string(said.Instance), said.Why, said.Batch
	shown.Worst = string(j.Worst())
	shown.CanaryRequests, shown.BaselineRequests, shown.LastedMS = said.CanaryRequests, said.BaselineRequests, said.Lasted.Milliseconds()
	shown.Evidence, shown.RatioLow, shown.RatioHigh = said.Evidence, said.RatioLow, said.RatioHigh
	shown.Need = api.EvidenceNeed{Continue: said.Need.Continue, Promote: said.Need.Promote, Rate: said.Need.Rate}
	for _, m := range said.Metrics {
		shown.Metrics = append(shown.Metrics, api.EvidenceMetric{Name: m.Name, Weight: m.Weight, E: m.E, Canary: api.EvidenceCount(m.Canary), Baseline: api.EvidenceCount(m.Baseline), Lacks: m.Lacks})
	}
	classes := j.Classes()
	for _, c := range classes[:min(len(classes), shownErrors)] {
		shown.Errors = append(shown.Errors, api.NewError{Title: c.Title, Canary: c.Canary, Baseline: c.Baseline})
	}
	for _, q := range j.Quantiles() {
		if q.Canary.At > 0 || q.Baseline.At > 0 {
			shown.Quantiles = append(shown.Quantiles, api.Quantile{Name: q.Name, Canary: band(q.Canary), Baseline: band(q.Baseline)})
		}
	}
	shown.History = history(j.History())
}

func band(b evidence.Band) api.Band {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return api.Band{LowMS: ms(b.Low), MS: ms(b.At), HighMS: ms(b.High)}
}

// history thins points out, and keeps the last of each stage.
func history(points []evidence.Point) []api.EvidencePoint {
	every := (len(points) + shownPoints - 1) / shownPoints
	var shown []api.EvidencePoint
	for at, p := range points {
		last := at == len(points)-1
		if at%every != 0 && !last && (points[at+1].Stage == p.Stage || len(shown) >= shownPoints-1) {
			continue
		}
		if len(shown) == shownPoints && last {
			shown = shown[:shownPoints-1]
		}
		one := api.EvidencePoint{At: p.At.UTC(), Stage: p.Stage, Weight: int(p.Weight), RatioLow: p.RatioLow, RatioHigh: p.RatioHigh, Evidence: finite(p.Evidence)}
		for _, m := range p.Metrics {
			one.Metrics = append(one.Metrics, finite(m))
		}
		shown = append(shown, one)
	}
	return shown
}

// finite is a logarithm that JSON can say.
func finite(log float64) float64 {
	if math.IsNaN(log) {
		return -99
	}
	return max(min(log, 999), -99)
}

// brief is what a list shows: the verdict without its pictures.
func brief(e *api.Evidence) *api.Evidence {
	if e != nil {
		e.Errors, e.Quantiles, e.History = nil, nil, nil
	}
	return e
}

// Batches shows what a verdict was found from.
func (v *Viewer) Batches(ctx context.Context, d slipway.Deployment) (api.EvidenceBatches, error) {
	r, all, err := v.batches(ctx, d)
	if err != nil {
		return api.EvidenceBatches{}, err
	}
	shown := api.EvidenceBatches{Deployment: int64(d.ID), Kind: string(r.Kind), First: d.Stable == "", Batches: []json.RawMessage{}}
	if shown.Rules, err = json.Marshal(r.Evidence); err != nil {
		return shown, err
	}
	for _, b := range all {
		shown.Batches = append(shown.Batches, b)
	}
	return shown, nil
}

// batches are those of a deployment, or NotFound where nothing judges it.
func (v *Viewer) batches(ctx context.Context, d slipway.Deployment) (slipway.Revision, [][]byte, error) {
	r, err := v.Store.Revision(ctx, d.Revision)
	if err != nil {
		return r, nil, err
	}
	if !tried(d, r) {
		return r, nil, slipway.Errorf(slipway.NotFound, "deployment %d is not judged by evidence", d.ID).
			Do("Canaries are, once they have begun, and whatever bakes, unless the manifest says evidence: none.")
	}
	all, err := v.Store.Batches(ctx, d.ID, 0)
	return r, all, err
}

// Row is a batch in four numbers: of the candidate and of the stable group, how
// many there were and how many of them failed.
type Row struct{ CanaryAll, CanaryFailed, BaselineAll, BaselineFailed uint64 }

// Rows are the batches of a deployment since its candidate has weight, in requests
// or in cells. Failures of requests that had been counted before come with those that
// are counted next.
func (v *Viewer) Rows(ctx context.Context, d slipway.Deployment, cells bool) ([]Row, error) {
	_, all, err := v.batches(ctx, d)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(all, cells)
	if err != nil {
		return nil, slipway.Errorf(slipway.Internal, "the evidence of deployment %d cannot be read: %w", d.ID, err)
	}
	return rows, nil
}

func rowsOf(batches [][]byte, cells bool) ([]Row, error) {
	var rows []Row
	var canary, baseline uint64 // late failures
	for _, text := range batches {
		var b evidence.Batch
		if err := json.Unmarshal(text, &b); err != nil {
			return nil, err
		}
		if b.IsHistory() {
			continue
		}
		var r Row
		r.CanaryAll, r.CanaryFailed = failedOf(b.Canary, cells)
		r.BaselineAll, r.BaselineFailed = failedOf(b.Baseline, cells)
		r.CanaryFailed, canary = within(r.CanaryAll, r.CanaryFailed+canary)
		r.BaselineFailed, baseline = within(r.BaselineAll, r.BaselineFailed+baseline)
		if r != (Row{}) {
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// within is as much of n as most allows, and the rest.
func within(most, n uint64) (of, rest uint64) { return min(n, most), n - min(n, most) }

func failedOf(side []evidence.Sample, cells bool) (all, failed uint64) {
	for _, s := range side {
		if cells {
			all, failed = all+s.Cells.All, failed+s.Cells.Failed
		} else {
			all, failed = all+s.Requests, failed+s.Failed()
		}
	}
	return all, failed
}
