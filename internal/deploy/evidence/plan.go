package evidence

import (
	"math"
	"time"

	"github.com/slipway-cd/slipway"
)

// Outlook is how long it takes to find a candidate that is worse, on average.
type Outlook struct {
	Limit    float64       `json:"limit"`    // L: requests of the candidate that anybody needs, whatever the method
	Requests float64       `json:"requests"` // of the candidate, about
	Time     time.Duration `json:"time"`
}

// Plan says what it takes to find a candidate that fails at a rate of worse, where
// the stable group fails at base and serves beside it, by its errors alone. Share is
// the candidate's part of all requests, rate how many of these there are a second.
//
//	L = ln(1/alpha)/D;  D = K(pC, r0 q + d) + ((1-rho)/rho) K(pB, q);  K(u,v) = u ln(u/v) - u + v
//	requests = 1.35 L + 1/pC;  time = requests / (rho rate)
//
// It returns Invalid when there is nothing to find.
func Plan(bound slipway.Bound, base, worse, share, rate float64) (Outlook, error) {
	switch {
	case !(base >= 0 && base < 1) || !(worse > 0 && worse <= 1):
		return Outlook{}, slipway.Errorf(slipway.Invalid, "error rates are parts of all requests: %g and %g are not", base, worse)
	case !(share > 0 && share < 1):
		return Outlook{}, slipway.Errorf(slipway.Invalid, "the candidate's share must be above 0 %% and below 100 %%, not %g %%", 100*share)
	case !(rate > 0) || math.IsInf(rate, 0):
		return Outlook{}, slipway.Errorf(slipway.Invalid, "there must be some requests a second, not %g", rate)
	case worse <= bound.Ratio*base+bound.Margin:
		return Outlook{}, slipway.Errorf(slipway.Invalid, "%g %% errors are tolerated where the stable group has %g %%: there is nothing to find", 100*worse, 100*base).
			Do("tolerated are %g times as many and %g percentage points", bound.Ratio, 100*bound.Margin)
	}
	limit := -math.Log(bound.Error) / growth(bound, base, worse, share)
	o := Outlook{Limit: limit, Requests: 1.35*limit + 1/worse}
	seconds := o.Requests / (share * rate)
	o.Time = time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2))
	return o, nil
}

// growth is D, by how much ln E can grow with a request of the candidate.
func growth(bound slipway.Bound, pB, pC, share float64) float64 {
	pB = max(pB, minRate)
	q := line(share, 1-share, pC, pB, bound.Ratio, bound.Margin)
	return divergence(pC, bound.Ratio*q+bound.Margin) + (1-share)/share*divergence(pB, q)
}

// divergence is K, of two Poisson rates.
func divergence(u, v float64) float64 {
	if u == 0 {
		return v
	}
	return u*math.Log(u/v) - u + v
}
