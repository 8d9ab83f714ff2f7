package controller

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestWhatInstancesSayAndUseIsNoChange(t *testing.T) {
	groups := func(said *slipway.Said, uses *slipway.Uses, restarts int) []slipway.GroupStatus {
		return []slipway.GroupStatus{{ID: "g-1", Instances: []slipway.InstanceStatus{
			{ID: "i-1", Phase: slipway.InstanceReady, Restarts: restarts, Said: said, Uses: uses},
		}}}
	}
	quiet := fingerprint(groups(nil, nil, 0))
	loud := groups(&slipway.Said{Counter: "c", Errors: 3}, &slipway.Uses{CPU: time.Second, Memory: 1 << 20}, 0)
	if fingerprint(loud) != quiet {
		t.Error("a target is looked at anew for each line that it prints")
	}
	if loud[0].Instances[0].Said == nil || loud[0].Instances[0].Uses == nil {
		t.Error("what was observed is lost by being looked at")
	}
	if fingerprint(groups(nil, nil, 1)) == quiet {
		t.Error("a restart is no change")
	}
}
