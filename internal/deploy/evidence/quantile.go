package evidence

import (
	"math"
	"time"

	"github.com/slipway-cd/slipway"
)

// Quantile is a latency that all but a part of the requests stay below.
type Quantile struct {
	Name     string `json:"name"`
	Canary   Band   `json:"canary"`
	Baseline Band   `json:"baseline"`
}

// Band is a quantile, and between what it lies with 95 % confidence however often
// one looks; 0 where nothing is known. Durations are ends of buckets.
type Band struct {
	Low  time.Duration `json:"low"`
	At   time.Duration `json:"at"`
	High time.Duration `json:"high"`
}

const bandError = 0.05

// Quantiles are those of both sides since the candidate has weight.
func (j *Judge) Quantiles() []Quantile {
	var all []Quantile
	for _, c := range cuts[:5] {
		all = append(all, Quantile{c.name, band(j.canary.took, 1-c.tail), band(j.baseline.took, 1-c.tail)})
	}
	return all
}

// band is the confidence sequence for a fixed quantile of Howard and Ramdas,
// Sequential estimation of quantiles (2022), theorem 1:
//
//	Q(p - f) <= Q <= Q(p + f);  f = 1.5 sqrt(p (1-p) l) + 0.8 l;  l = (1.4 ln ln(2.1 n) + ln(10/alpha))/n
func band(h slipway.Histogram, p float64) Band {
	n := float64(h.Total())
	if n == 0 {
		return Band{}
	}
	l := (1.4*math.Log(math.Log(max(2.1*n, math.E))) + math.Log(10/bandError)) / n
	f := 1.5*math.Sqrt(p*(1-p)*l) + 0.8*l
	b := Band{At: quantile(h, n, p)}
	if p-f > 0 {
		b.Low = quantile(h, n, p-f)
	}
	if p+f < 1 {
		b.High = quantile(h, n, p+f)
	}
	return b
}

// quantile is the end of the first bucket up to which there are p of n.
func quantile(h slipway.Histogram, n, p float64) time.Duration {
	below := 0.0
	for b := slipway.FirstBucket; b < slipway.LastBucket; b++ {
		if below += float64(h[b]); below >= p*n {
			return (b + 1).Begin()
		}
	}
	return slipway.LastBucket.Begin()
}
