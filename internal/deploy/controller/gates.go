package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// GateNeeds is the gate that lets a deployment start when the services that it
// needs are live in its environment, in the release that it needs or a later
// one.
const GateNeeds slipway.GateID = "needs"

// judge asks the gates of a pending deployment. It also says for which targets
// one waits, to be asked again when they move.
func (c *Controller) judge(ctx context.Context, d *slipway.Deployment) (map[slipway.GateID]slipway.Verdict, []slipway.TargetID, error) {
	verdicts := map[slipway.GateID]slipway.Verdict{}
	var awaits []slipway.TargetID
	for _, gate := range d.Gates {
		if gate != GateNeeds {
			continue // says nothing, which is never a pass
		}
		v, lacking, err := c.judgeNeeds(ctx, d)
		if err != nil {
			return nil, nil, err
		}
		verdicts[gate] = v
		awaits = append(awaits, lacking...)
	}
	return verdicts, awaits, nil
}

func (c *Controller) judgeNeeds(ctx context.Context, d *slipway.Deployment) (slipway.Verdict, []slipway.TargetID, error) {
	r, err := c.Store.Release(ctx, d.Target.Service, d.Release)
	if err != nil {
		return slipway.Verdict{}, nil, err
	}
	var met, unmet []string
	var lacking []slipway.TargetID
	for _, need := range demanding(r.Manifest.Needs) {
		t := slipway.TargetID{Service: need.Service, Environment: d.Target.Environment}
		live, err := c.live(ctx, t)
		if err != nil {
			return slipway.Verdict{}, nil, err
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
		lacking = append(lacking, t)
	}
	if len(unmet) > 0 {
		return slipway.Verdict{State: slipway.GateWait, Why: strings.Join(unmet, " · ")}, lacking, nil
	}
	return slipway.Verdict{State: slipway.GatePass, Why: strings.Join(met, " · ")}, nil, nil
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
