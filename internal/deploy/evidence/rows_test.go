package evidence_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// judged folds rows until they are decided.
func judged(limit int, row func(n int) evidence.Row) evidence.Verdict {
	r := evidence.NewRows(slipway.DefaultEvidence)
	for n := range limit {
		r.Look(row(n))
		if v := r.Verdict(); v.Decision == evidence.Rollback {
			return v
		}
	}
	return r.Verdict()
}

// binomial is how many of n come up.
func binomial(r *rand.Rand, n int, p float64) float64 {
	x := 0.0
	for range n {
		if r.Float64() < p {
			x++
		}
	}
	return x
}

func row(r *rand.Rand, canary, stable float64) evidence.Row {
	return evidence.Row{
		Canary:   evidence.Count{Failed: binomial(r, 100, canary), All: 100},
		Baseline: evidence.Count{Failed: binomial(r, 900, stable), All: 900},
	}
}

// TestRowsByHand has one batch that was worked out on paper, by the formulas of
// E1 for each alternative.
func TestRowsByHand(t *testing.T) {
	r := evidence.NewRows(slipway.DefaultEvidence)
	r.Look(evidence.Row{Canary: evidence.Count{Failed: 3, All: 100}, Baseline: evidence.Count{Failed: 4, All: 900}})
	sum := 0.0
	for _, alt := range []float64{1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6, 10, 20, 50, 200} {
		lB := 1e-6
		lC := alt * 1.2 * lB
		q := (100*lC + 900*lB) / (100*1.2 + 900)
		won := math.Exp(3*math.Log(lC/(1.2*q)) + 4*math.Log(lB/q))
		won = won/2 + (won/2+.5)/2 // half from the beginning, half in restarts, of which the first has half
		if alt == 1.25 {
			won *= 3
		}
		sum += won
	}
	if got, want := r.Verdict().Evidence, sum/14; math.Abs(got/want-1) > 1e-9 {
		t.Errorf("%g; want %g", got, want)
	}
}

func TestRowsFindWhatBeginsLate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v := judged(400, func(n int) evidence.Row {
		if n < 200 {
			return row(r, .005, .005)
		}
		return row(r, .03, .005)
	})
	if v.Decision != evidence.Rollback || v.Batch <= 200 || v.Batch > 230 {
		t.Errorf("batch %d: %s", v.Batch, v.Why)
	}
}

func TestReadRowsNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "there is nothing to read",
		"nC,xC,nB\n":                            "line 1: there is no column xB",
		"nC,xC,nB,xB\n1,2,3\n":                  "line 2: wrong number of fields",
		"nC,xC,nB,xB\n10,2,30,1\n10,11,30,1\n":  "line 3: xC is 11, more than nC, which is 10",
		"nC,xC,nB,xB\n10,-2,30,1\n":             `line 2: xC is "-2", not a count`,
		"nC,xC,nB,xB\n10,NaN,30,1\n":            `line 2: xC is "NaN", not a count`,
		"nC,xC,nB,xB\n10,1e300,30,1\n":          `line 2: xC is "1e300", not a count`,
		"nC,xC,nB,xB,p50\n10,1,30,1,\n":         `line 2: p50 is "", not a count`,
		"nC,xC,nB,xB\n10,\"2,30,1\n":            `line 2: extraneous or missing " in quoted-field`,
		"xB, nB,other,xC,nC\r\n1,30,7,2,10\r\n": "",
	} {
		var rows []evidence.Row
		err := evidence.ReadRows(strings.NewReader(text), func(r evidence.Row) { rows = append(rows, r) })
		switch {
		case want == "" && (err != nil || len(rows) != 1 || rows[0] != evidence.Row{Canary: evidence.Count{Failed: 2, All: 10}, Baseline: evidence.Count{Failed: 1, All: 30}}):
			t.Errorf("%q: %v, %v", text, rows, err)
		case want != "" && (slipway.CodeOf(err) != slipway.Invalid || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

func FuzzReadRows(f *testing.F) {
	f.Add("nC,xC,nB,xB\n10,2,30,1\n10,10,30,0\n")
	f.Add("nC,xC,nB,xB\n0,0,30,1\n10,10,0,0\n1000000000000000,1,1000000000000000,1\n.5,.5,.25,0\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := evidence.NewRows(slipway.DefaultEvidence)
		n := 0
		err := evidence.ReadRows(strings.NewReader(text), func(row evidence.Row) {
			if n++; n < 20 {
				r.Look(row)
			}
		})
		if err != nil && slipway.CodeOf(err) != slipway.Invalid {
			t.Error(err)
		}
		v := r.Verdict()
		if !(v.Evidence >= 0) || math.IsInf(v.Evidence, 0) || !(v.RatioLow >= 0) || !(v.RatioHigh >= 0) {
			t.Errorf("%+v", v)
		}
	})
}
