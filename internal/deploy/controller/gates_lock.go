package controller

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway"
)

// judgeLock waits while the target or its environment is locked, by the clock of
// the database. What a person rolls back may go over a lock, if they say so: a
// lock keeps others from changing things, not from mending them.
func (c *Controller) judgeLock(ctx context.Context, p plea, h *hearing) (slipway.Verdict, error) {
	locks, err := c.Gatekeeper.Locks(ctx)
	if err != nil {
		return slipway.Verdict{}, err
	}
	holds := slipway.Covering(locks, p.Target)
	if holds == nil {
		return passes("no lock"), nil
	}
	if holds.Until.After(p.now) { // else this clock is ahead of the database's
		h.wakeAt(holds.Until)
	}
	return p.heed(*holds), nil
}

// heed says what a lock means to p.
func (p plea) heed(l slipway.Lock) slipway.Verdict {
	text := fmt.Sprintf("%s is locked by %s until %s: %s", l.Place(), l.Actor.Person(), clock(l.Until, l.At), l.Why)
	switch {
	case p.Kind != slipway.KindRollback:
		return waits(text)
	case p.Override == "":
		return waits(text + "; override: slipway rollback " + string(p.Target.Service) + " " + string(p.Target.Environment) + " --override --why TEXT")
	}
	return passes(fmt.Sprintf("overridden by %s (%s): %s", p.Actor.Person(), p.Override, text))
}
