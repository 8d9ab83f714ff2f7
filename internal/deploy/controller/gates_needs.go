package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

func (c *Controller) judgeNeeds(ctx context.Context, p plea, h *hearing) (slipway.Verdict, error) {
	r, err := c.Store.Release(ctx, p.Target.Service, p.Release)
	if err != nil {
		return slipway.Verdict{}, err
	}
	var met, unmet []string
	for _, need := range demanding(r.Manifest.Needs) {
		t := slipway.TargetID{Service: need.Service, Environment: p.Target.Environment}
		live, err := c.live(ctx, t)
		if err != nil {
			return slipway.Verdict{}, err
		}
		found := "nothing of it is live in " + string(t.Environment)
		if live.Release > 0 {
			found = fmt.Sprintf("%d is live", live.Release)
		}
		text := fmt.Sprintf("needs %s >= %d (%s)", need.Service, need.AtLeast, found)
		if live.Release >= need.AtLeast {
			met = append(met, text)
			continue
		}
		unmet = append(unmet, text)
		h.awaits = append(h.awaits, t)
	}
	if len(unmet) > 0 {
		return waits(strings.Join(unmet, " · ")), nil
	}
	return passes(strings.Join(met, " · ")), nil
}

// demanding picks the needs that name a release. The others only get an
// address.
func demanding(needs []slipway.Need) []slipway.Need {
	var some []slipway.Need
	for _, n := range needs {
		if n.AtLeast > 0 {
			some = append(some, n)
		}
	}
	return some
}
