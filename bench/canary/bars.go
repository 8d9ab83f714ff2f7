package canary

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// bar is something that is required, and what was measured.
type bar struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	OK    bool    `json:"ok"`
}

func atMost(value, limit float64, format string, args ...any) bar {
	return bar{fmt.Sprintf(format, args...), value, limit, value <= limit}
}

// bench is one run of the benchmark. Runs scales how often everything is played.
type bench struct {
	seed uint64
	runs float64
	say  func(format string, args ...any)
}

func (b *bench) times(n int) int { return max(int(float64(n)*b.runs), 2) }

const within = 1.05

// seenBefore is how many looks there were at the stable version alone, that say
// whether its errors come in bursts.
const seenBefore = 20

// regressions are 1.5 to 50 times worse, to at most 10 %.
var regressions = []struct {
	stable, canary float64
	shipped        int // runs
}{
	{base, 1.5 * base, 300}, {base, 2 * base, 600}, {base, 4 * base, 600}, {base, 10 * base, 600}, {base, 20 * base, 300}, {.002, .1, 300},
}

func worse(stable, canary float64) string {
	return fmt.Sprintf("%g times worse (%g %% to %g %%)", canary/stable, 100*stable, 100*canary)
}

// detection: regressions are found in about the time that is needed.
func (b *bench) detection(ctx context.Context) (all []bar, err error) {
	for _, r := range regressions {
		bound := 1.35*limit(r.canary, r.stable) + 1/r.canary + look
		one, err := many(ctx, b.seed, b.times(1000), forever, func(rng *rand.Rand) stream { return requests(rng, look, constant(r.canary, r.stable)) }, e1(rules.Rollback, false))
		if err != nil {
			return nil, err
		}
		all = append(all, atMost(one.mean(), within*bound, "1 mean canary requests until found, errors alone, %s", worse(r.stable, r.canary)))
		cells, err := many(ctx, b.seed, b.times(r.shipped), forever, func(rng *rand.Rand) stream {
			return inCells(rng, seenBefore, look, 1, constant(r.canary, r.stable))
		}, errors)
		if err != nil {
			return nil, err
		}
		all = append(all, atMost(cells.mean(), 1.4*bound, "1 the same as shipped, in cells of 8 and with other metrics, %s", worse(r.stable, r.canary)))
	}
	return all, nil
}

// atBoundary are candidates that are exactly as bad as is tolerated.
var atBoundary = []struct {
	name string
	rates
}{
	{"constant rates", constant(rules.Rollback.Ratio*base, base)},
	{"rates that drift", func(n float64) (float64, float64, float64) {
		p := base * (1.05 + math.Sin(n/8000))
		return rules.Rollback.Ratio * p, p, share
	}},
	{"weights of 1, 10 and 50 %", func(n float64) (float64, float64, float64) {
		return rules.Rollback.Ratio * base, base, []float64{.01, .1, .5}[min(int(n/20000), 2)]
	}},
	{"shared outages", func(n float64) (float64, float64, float64) {
		if int(n)%20000 < 500 {
			return .3 * rules.Rollback.Ratio, .3, share
		}
		return rules.Rollback.Ratio * base, base, share
	}},
}

// alarms: what is tolerated alarms seldom.
func (b *bench) alarms(ctx context.Context) (all []bar, err error) {
	for _, c := range atBoundary {
		f, err := many(ctx, b.seed+1, b.times(1000), horizon, func(rng *rand.Rand) stream { return requests(rng, look, c.rates) }, e1(rules.Rollback, false))
		if err != nil {
			return nil, err
		}
		all = append(all, atMost(f.part(), rules.Rollback.Error, "2 false alarms at the boundary in 200 000 canary requests, %s", c.name))
	}
	half := rules.Rollback // of alpha: what errors have, where the other metrics say nothing
	half.Error = 1 / ((1/half.Error - .5) / .5)
	for _, c := range []struct {
		name string
		rate float64
	}{{"at the boundary", half.Ratio * base}, {"of equal versions", base}} {
		f, err := many(ctx, b.seed+1, b.times(1000), horizon, func(rng *rand.Rand) stream {
			return inCells(rng, seenBefore, look, 5, constant(c.rate, base))
		}, e1(half, true))
		if err != nil {
			return nil, err
		}
		all = append(all, atMost(f.part(), rules.Rollback.Error, "2 false alarms %s in 200 000 canary requests, bursts of five, in cells", c.name))
	}
	return all, nil
}

// gone: a dead canary is found at once.
func (b *bench) gone() []bar {
	var asked, seconds found
	for run := range b.times(500) {
		n, took := dead(rand.New(rand.NewPCG(b.seed+2, uint64(run)))) //nolint:gosec // a simulation is to be the same again
		asked, seconds = append(asked, float64(n)), append(seconds, took.Seconds())
	}
	slices.Sort(asked)
	slices.Sort(seconds)
	return []bar{
		atMost(asked.quantile(.95), 64, "3 canary requests until a dead one goes back, p95"),
		atMost(seconds.quantile(.95), 4, "3 seconds until a dead one goes back at 20 canary requests a second, p95"),
	}
}

// late: what begins late is found nearly as soon.
func (b *bench) late(ctx context.Context) (all []bar, err error) {
	const good = 20_000
	for _, times := range []float64{2, 3, 4} {
		f, err := many(ctx, b.seed+3, b.times(500), forever, func(rng *rand.Rand) stream {
			return requests(rng, look, func(n float64) (float64, float64, float64) {
				if n < good {
					return base, base, share
				}
				return times * base, base, share
			})
		}, e1(rules.Rollback, false))
		if err != nil {
			return nil, err
		}
		all = append(all, atMost((f.mean()-good)/limit(times*base, base), within*3, "4 mean requests in L until found, %g times worse after %d good ones", times, good))
	}
	return all, nil
}

// slowness: what is slower is found, and what is as slow as is tolerated is not.
func (b *bench) slowness() []bar {
	tail := lognormal(stretched)
	return []bar{
		atMost(slow(b.seed+4, b.times(100), 100, 40_000, slower{takes: times(1), later: rules.Latency}).part(), 0, "5 alarms in 40 000 canary requests that take exactly 9 %% longer"),
		atMost(slow(b.seed+5, b.times(100), 100, 40_000, slower{takes: times(1), later: rules.Latency, day: rush}).part(), 0, "5 the same while all get up to five times slower and back"),
		atMost(slow(b.seed+4, b.times(300), 20, 20_000, slower{takes: times(1.2)}).quantile(.5), 1000, "5 median canary requests until 20 %% slower is found"),
		atMost(slow(b.seed+4, b.times(300), 20, 20_000, slower{takes: times(1.5)}).quantile(.5), 100, "5 median canary requests until 50 %% slower is found"),
		atMost(slow(b.seed+4, b.times(300), 20, 20_000, slower{takes: tail}).quantile(.5), 1100, "5 median canary requests until 1 %% that take ten times as long are found"),
	}
}
