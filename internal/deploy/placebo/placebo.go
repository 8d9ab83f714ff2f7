// Package placebo tries the judge of canaries where there is no canary: routers
// count a random part of each service's requests apart, and that part is judged
// beside the rest. Both come from the same instances, so whatever is said against
// it is a false alarm. How often that is, anybody can see: at most as often as the
// judge promises.
package placebo

import (
	"context"
	"log/slog"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Witness knows what routers have counted.
type Witness interface {
	// Counting lists the targets of which something was counted lately.
	Counting(ctx context.Context) []slipway.TargetID
	Counted(ctx context.Context, t slipway.TargetID) []slipway.Counted
}

// Store keeps how trials ended.
type Store interface {
	AddPlacebo(ctx context.Context, t slipway.TargetID, trials, alarms int) error
}

// Bounds of trials.
const (
	every     = 10 * time.Second
	enough    = 10_000 // requests of the part, and a trial ends without an alarm
	longest   = 24 * time.Hour
	maxTrials = 1000 // at a time; the services beyond wait
	part      = slipway.All / 8
)

// Placebo tries. Its fields are set before it is used.
type Placebo struct {
	Witness Witness
	Store   Store
	Log     *slog.Logger
	Now     func() time.Time

	trials map[slipway.TargetID]*trial
}

// trial is one of a target. When the server ends it is forgotten, and counts for
// nothing.
type trial struct {
	ledger evidence.Ledger
	judge  *evidence.Judge
	began  time.Time
	seen   uint64 // requests that were counted of the target at the last look
}

// Run looks every ten seconds, until ctx ends.
func (p *Placebo) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.Look(ctx)
		}
	}
}

// Look judges what is new of every target. What has no new requests costs nothing.
func (p *Placebo) Look(ctx context.Context) {
	if p.trials == nil {
		p.trials = map[slipway.TargetID]*trial{}
	}
	for _, t := range p.Witness.Counting(ctx) {
		if p.trials[t] == nil && len(p.trials) >= maxTrials {
			continue
		}
		if err := p.look(ctx, t); err != nil && ctx.Err() == nil {
			p.Log.Warn("a trial of the placebo is given up", "target", t, "err", err)
			delete(p.trials, t)
		}
	}
	for t, one := range p.trials {
		if p.Now().Sub(one.began) > 2*longest {
			delete(p.trials, t) // nobody asks for it any more
		}
	}
}

func (p *Placebo) look(ctx context.Context, t slipway.TargetID) error {
	counted := p.Witness.Counted(ctx, t)
	seen := uint64(0)
	for _, c := range counted {
		seen += c.Requests
	}
	one := p.trials[t]
	if one != nil && seen == one.seen {
		return nil
	}
	look := evidence.Look{At: p.Now(), Baseline: serving(counted), Counted: counted}
	if one == nil {
		return p.begin(t, look, seen)
	}
	one.seen = seen
	batches, err := one.ledger.Take(look)
	if err != nil {
		return err
	}
	for _, b := range batches {
		b, ok := b.Placebo()
		if !ok {
			continue
		}
		b.Weight = part
		if err := one.judge.Look(b); err != nil {
			return err
		}
	}
	return p.judge(ctx, t, one)
}

// begin takes what was counted until now for seen.
func (p *Placebo) begin(t slipway.TargetID, look evidence.Look, seen uint64) error {
	one := &trial{judge: evidence.NewPlacebo(slipway.DefaultEvidence), began: look.At, seen: seen}
	p.trials[t] = one
	_, err := one.ledger.Take(look)
	return err
}

// judge ends a trial that has an alarm, or has gone on for long enough.
func (p *Placebo) judge(ctx context.Context, t slipway.TargetID, one *trial) error {
	v := one.judge.Verdict()
	switch {
	case v.Decision == evidence.Rollback:
		p.Log.Info("the placebo was taken for worse than it is", "target", t, "why", v.Why)
		delete(p.trials, t)
		return p.Store.AddPlacebo(ctx, t, 1, 1)
	case v.CanaryRequests >= enough, p.Now().Sub(one.began) >= longest:
		delete(p.trials, t)
		return p.Store.AddPlacebo(ctx, t, 1, 0)
	}
	return nil
}

// serving is the group that the newest route gives most to.
func serving(counted []slipway.Counted) slipway.GroupID {
	var most slipway.Counted
	for _, c := range counted {
		if most.Group == "" || most.Fence.Less(c.Fence) || most.Fence == c.Fence && most.Weight < c.Weight {
			most = c
		}
	}
	return most.Group
}
