package sim

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// manner draws how a release is rolled out.
func (w *World) manner(m slipway.Manifest) slipway.Rollout {
	r := slipway.Rollout{Strategy: slipway.Strategies[w.rng.IntN(len(slipway.Strategies))]}
	switch r.Strategy {
	case slipway.Rolling:
		r.Step = w.rng.IntN(3)
		r.Surge = max(r.Step, w.rng.IntN(4))
	case slipway.Immutable:
		w.keepOld(&r, m)
	case slipway.Canary:
		if m.Kind == slipway.Worker && !m.Run.Passive {
			r.Strategy = slipway.Rolling
			break
		}
		w.canary(&r, m)
	case slipway.Recreate:
		if w.chance(2) { // most are not singletons
			r.Strategy = slipway.Rolling
			break
		}
		w.preview(&r, m)
	}
	return r
}

func (w *World) canary(r *slipway.Rollout, m slipway.Manifest) {
	for range 1 + w.rng.IntN(3) {
		r.Weights = append(r.Weights, slipway.BasisPoints(1+w.rng.IntN(int(slipway.All)-1)))
	}
	slices.Sort(r.Weights)
	r.Weights = slices.Compact(r.Weights)
	r.Instances = w.rng.IntN(3)
	if w.chance(3) {
		r.Detach = 1 + w.rng.IntN(2)
	}
	if !w.chance(4) {
		r.Hold = w.between(time.Second, 8*time.Second)
		if w.chance(2) {
			r.Hold *= 4
		}
	}
	if m.Kind == slipway.Web {
		w.keepOld(r, m)
	}
}

// keepOld draws what concerns a whole new group.
func (w *World) keepOld(r *slipway.Rollout, m slipway.Manifest) {
	if w.chance(2) {
		r.Bake = w.between(time.Second, 6*time.Second)
	}
	if w.chance(2) && r.Detach == 0 {
		r.KeepOld = w.between(5*time.Second, time.Minute)
	}
	w.preview(r, m)
}

// preview draws tests before traffic.
func (w *World) preview(r *slipway.Rollout, m slipway.Manifest) {
	if w.chance(3) && m.Kind == slipway.Web {
		r.Preview = &slipway.Preview{Command: "ci/bin/integration-test", Queue: "test", Timeout: w.between(5*time.Second, 20*time.Second)}
	}
}
