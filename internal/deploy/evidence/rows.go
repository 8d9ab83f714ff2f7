package evidence

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Rows judge counts of errors alone, as they are given: one unit each, with the
// whole of alpha. It is what anybody can check by hand.
type Rows struct {
	rules    slipway.Evidence
	rollback contest
	pass     contest
	tenfold  contest
	ratio    interval
	past     Count
	canary   Count
	baseline Count
	batch    int
	decided  *Verdict // the first rollback, or the first promotion for as long as there is none
}

// Row is what was counted between two looks.
type Row struct {
	Canary, Baseline Count
}

// NewRows judges by the bounds and the least requests of e.
func NewRows(e slipway.Evidence) *Rows {
	return &Rows{rules: e, rollback: newErrors(e.Rollback, worse), pass: newErrors(e.Promote, better),
		tenfold: newErrors(slipway.Bound{Ratio: tenfold, Margin: e.Promote.Margin}, better), ratio: newInterval(e.Rollback, newErrors)}
}

// newErrors is a contest of requests, one by one.
func newErrors(b slipway.Bound, alts []float64) contest {
	if alts[0] > 1 {
		return newContest(b, 1, alts, everyRequests)
	}
	return newContest(b, 1, alts, 0)
}

// Look folds a row. After a rollback there is nothing to add.
func (r *Rows) Look(row Row) {
	if r.decided != nil && r.decided.Decision == Rollback {
		return
	}
	n := counts{row.Canary.All, row.Canary.Failed, row.Baseline.All, row.Baseline.Failed}
	was := before{rate: r.past.Rate()}
	r.batch++
	r.rollback.look(n, was)
	r.pass.look(n, was)
	r.tenfold.look(n, was)
	r.ratio.look(slipway.Fence{}, n, was)
	r.past, r.canary, r.baseline = r.past.plus(row.Baseline), r.canary.plus(row.Canary), r.baseline.plus(row.Baseline)
	beta := -math.Log(r.rules.Promote.Error)
	switch {
	case r.rollback.log() >= -math.Log(r.rules.Rollback.Error):
		r.decide(Rollback)
	case r.decided == nil && r.canary.All >= float64(r.rules.MinRequests) && r.pass.log() >= beta:
		r.decide(Promote)
	}
}

func (r *Rows) decide(d Decision) {
	v := r.figures(d)
	r.decided = &v
}

// Verdict is the first rollback, else the first promotion, else what the last row
// left.
func (r *Rows) Verdict() Verdict {
	switch {
	case r.decided != nil:
		return *r.decided
	case r.canary.All >= float64(r.rules.MinRequests) && r.tenfold.log() >= -math.Log(r.rules.Promote.Error):
		return r.figures(Continue)
	}
	return r.figures(Inconclusive)
}

func (r *Rows) figures(d Decision) Verdict {
	v := Verdict{Decision: d, Batch: r.batch, CanaryRequests: uint64(r.canary.All), BaselineRequests: uint64(r.baseline.All), Evidence: math.Exp(r.rollback.log())}
	v.RatioLow, v.RatioHigh = r.ratio.bounds()
	if d == Rollback {
		v.RatioLow = max(v.RatioLow, r.rules.Rollback.Ratio)
	}
	v.Metrics = []Metric{{Name: Errors, Weight: 1, E: v.Evidence, Canary: r.canary, Baseline: r.baseline}}
	v.Why = r.words(v)
	return v
}

func (r *Rows) words(v Verdict) string {
	switch v.Decision {
	case Rollback:
		return fmt.Sprintf("ROLLED BACK after %d canary requests: %s. Evidence %s to 1.", v.CanaryRequests, errorsOf(v, r.rules.Rollback), to1(v.Evidence))
	case Promote:
		return fmt.Sprintf("PROMOTED after %d canary requests: errors at most %g times + %s pp.", v.CanaryRequests, r.rules.Promote.Ratio, number(100*r.rules.Promote.Margin))
	case Continue:
		return fmt.Sprintf("CONTINUE: %d requests; nothing has alarmed, and a tenfold rise is excluded (%s confidence).", v.CanaryRequests, percent(1-r.rules.Promote.Error))
	case Inconclusive, Worse, ReplaceInstance:
	}
	if v.CanaryRequests == 0 {
		return "INCONCLUSIVE: no requests yet."
	}
	return fmt.Sprintf("INCONCLUSIVE: %d requests; errors %s against %s.", v.CanaryRequests, percent(r.canary.Rate()), percent(r.baseline.Rate()))
}

// ReadRows reads CSV whose header names nC, xC, nB and xB, in any order: requests
// of the candidate, how many of them failed, and the same of the stable group. Other
// columns, such as buckets of latency, have to be counts as well, and are not judged:
// errors have the whole of alpha. Its errors are Invalid and name the line.
func ReadRows(from io.Reader, each func(Row)) error {
	r := csv.NewReader(from)
	r.ReuseRecord, r.TrimLeadingSpace, r.FieldsPerRecord = true, true, 0
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return slipway.Errorf(slipway.Invalid, "there is nothing to read").Do(headerHelp)
	}
	if err != nil {
		return unreadable(err)
	}
	var columns [4]int
	for n, name := range rowColumns {
		if columns[n] = slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")) == name }); columns[n] < 0 {
			return slipway.Errorf(slipway.Invalid, "line 1: there is no column %s", name).Do(headerHelp)
		}
	}
	names := slices.Clone(header)
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		line, _ := r.FieldPos(0)
		row, err := rowOf(record, names, columns)
		if err != nil {
			return slipway.Errorf(slipway.Invalid, "line %d: %w", line, err)
		}
		each(row)
	}
}

var rowColumns = [4]string{"nC", "xC", "nB", "xB"}

const headerHelp = "The first line has to name the columns: nC,xC,nB,xB"

func rowOf(record, names []string, columns [4]int) (row Row, err error) {
	all := make([]float64, len(record))
	for n, text := range record {
		if all[n], err = strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil || !(all[n] >= 0 && all[n] <= maxCount) {
			return Row{}, fmt.Errorf("%s is %.40q, not a count", strings.TrimSpace(names[n]), text)
		}
	}
	row = Row{Canary: Count{all[columns[1]], all[columns[0]]}, Baseline: Count{all[columns[3]], all[columns[2]]}}
	for n, c := range []Count{row.Canary, row.Baseline} {
		if c.Failed > c.All {
			return Row{}, fmt.Errorf("%s is %g, more than %s, which is %g", rowColumns[2*n+1], c.Failed, rowColumns[2*n], c.All)
		}
	}
	return row, nil
}

// maxCount is less than what a float64 counts one by one.
const maxCount = 1e15

func unreadable(err error) error {
	if p, isParse := errors.AsType[*csv.ParseError](err); isParse {
		return slipway.Errorf(slipway.Invalid, "line %d: %s", p.Line, p.Err)
	}
	return fmt.Errorf("read counts: %w", err)
}
