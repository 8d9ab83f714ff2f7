package git_test

import (
	"slices"
	"testing"

	"github.com/slipway-cd/slipway"
)

// What a pusher may change goes with their push: it bounds what the pipeline
// may, which they may have written.
func TestAPushSaysWhatItsPusherMay(t *testing.T) {
	w := newWorld(t)
	test := []slipway.EnvironmentName{"test"}
	w.mu.Lock()
	w.principals["tim"] = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "Tim"}, Role: slipway.Deployer, Environments: test}
	w.principals["ada"] = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "Ada"}, Role: slipway.Admin, Environments: test}
	w.mu.Unlock()
	for who, want := range map[string][]slipway.EnvironmentName{"tim": test, "mei": nil, "ada": nil} {
		w.clone(who, "of-"+who).must("push", "slipway", "master")
		w.mu.Lock()
		p := w.pushes[len(w.pushes)-1]
		w.mu.Unlock()
		if string(p.Repository) != "of-"+who || !slices.Equal(p.Environments, want) {
			t.Errorf("%s: %+v", who, p)
		}
	}
}
