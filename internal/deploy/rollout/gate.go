package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// gatesEvery is how often a gate that waits is asked again when nothing hints
// that it changed.
const gatesEvery = 5 * time.Second

// judge asks gates, keeps what they said, and is what the first says that does
// not pass. One that says nothing is waited for: no data is never a pass.
func (p *plan) judge(d *slipway.Deployment, gates []slipway.GateID) slipway.Verdict {
	all := slipway.Verdict{State: slipway.GatePass}
	var said []slipway.GateVerdict
	for _, gate := range gates {
		v := p.was.Verdicts[gate]
		if v.State == "" {
			v = slipway.Verdict{State: slipway.GateWait, Why: fmt.Sprintf("the gate %q has not said anything", gate)}
		}
		said = append(said, slipway.GateVerdict{Gate: gate, Verdict: v})
		if v.State != slipway.GatePass && (all.State == slipway.GatePass || v.State == slipway.GateFail && all.State != slipway.GateFail) {
			all = v
		}
	}
	if !slices.Equal(said, d.Verdicts) {
		d.Verdicts = said
	}
	if all.State == slipway.GateWait || all.State == slipway.GateInconclusive {
		p.say("waits: %s", all.Why)
		p.wakeAt(p.now.Add(gatesEvery))
	}
	return all
}
