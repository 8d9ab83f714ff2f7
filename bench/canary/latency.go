package canary

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// durations are what requests take, as buckets by quantile.
type durations [1 << 16]slipway.Bucket

// lognormal have a median of 50 ms, and 5 % that take longer than 114 ms.
func lognormal(stretch func(quantile float64, d time.Duration) time.Duration) *durations {
	var all durations
	for n := range all {
		p := (float64(n) + .5) / float64(len(all))
		all[n] = slipway.BucketOf(stretch(p, time.Duration(50e6*math.Exp(.5*math.Sqrt2*math.Erfinv(2*p-1)))))
	}
	return &all
}

func times(x float64) *durations {
	return lognormal(func(_ float64, d time.Duration) time.Duration { return time.Duration(x * float64(d)) })
}

// take draws n.
func (d *durations) take(r *rand.Rand, n int, later slipway.Bucket) slipway.Tally {
	var at [slipway.LastBucket + 1]uint64
	for range n {
		at[min(d[r.Uint32()>>16]+later, slipway.LastBucket)]++
	}
	t := slipway.Tally{Requests: uint64(n), Took: slipway.Histogram{}} //nolint:gosec // n is not below 0
	for b, of := range at {
		if of > 0 {
			t.Took[slipway.Bucket(b)] = of
		}
	}
	return t
}

// slower is what a canary takes: as is said there, later by some buckets. It and
// the stable version, which takes what it always took, are both later by what day
// says of the canary's n-th request.
type slower struct {
	takes *durations
	later slipway.Bucket
	day   func(n int) slipway.Bucket
}

// slow plays runs of canaries beside a stable version.
func slow(seed uint64, runs, look, most int, canary slower) found {
	usual, all := times(1), found{}
	for run := range runs {
		r, s, at := rand.New(rand.NewPCG(seed, uint64(run))), newShipped(), math.Inf(1) //nolint:gosec // a simulation is to be the same again
		s.look(time.Hour, 0, slipway.Tally{}, usual.take(r, 50_000, 0))
		for n := look; n <= most; n += look {
			both := slipway.Bucket(0)
			if canary.day != nil {
				both = canary.day(n)
			}
			if s.look(time.Second, weight(share), canary.takes.take(r, look, both+canary.later), usual.take(r, look*9, both)) {
				at = float64(n)
				break
			}
		}
		all = append(all, at)
	}
	slices.Sort(all)
	return all
}

// rush makes all take twice as long, and five times, and as before, by turns.
func rush(n int) slipway.Bucket {
	return []slipway.Bucket{0, slipway.BucketsPerDouble, 74}[n/3000%3]
}

// stretched makes one request of a hundred take ten times as long, whichever.
func stretched(p float64, d time.Duration) time.Duration {
	if int(p*(1<<16))%100 == 50 {
		return 10 * d
	}
	return d
}
