package slipway_test

import (
	"reflect"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestHowAServiceRunsInAnEnvironment(t *testing.T) {
	canary := slipway.Rollout{Strategy: slipway.Canary, Weights: slipway.DefaultWeights}
	none := map[string]string{}
	prod := slipway.Environment{Name: "prod", Defaults: slipway.Placement{Replicas: 3, Rollout: canary, Env: map[string]string{"LEVEL": "warn"}}}
	for _, c := range []struct {
		name string
		m    slipway.Manifest
		e    slipway.Environment
		want slipway.Placement
	}{
		{"nobody says anything", slipway.Manifest{Kind: slipway.Web}, slipway.Environment{Name: "test"},
			slipway.Placement{Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}, Env: none}},
		{"the environment says", slipway.Manifest{Kind: slipway.Web}, prod,
			slipway.Placement{Replicas: 3, Rollout: canary, Env: map[string]string{"LEVEL": "warn"}}},
		{"the service says something else", slipway.Manifest{Kind: slipway.Web, Environments: map[slipway.EnvironmentName]slipway.Placement{
			"prod": {Replicas: 2, Rollout: slipway.Rollout{Strategy: slipway.Recreate}, Env: map[string]string{"LEVEL": "info"}}}}, prod,
			slipway.Placement{Replicas: 2, Rollout: slipway.Rollout{Strategy: slipway.Recreate}, Env: map[string]string{"LEVEL": "info"}}},
		{"the service says a part", slipway.Manifest{Kind: slipway.Web, Environments: map[slipway.EnvironmentName]slipway.Placement{"prod": {Replicas: 5}}}, prod,
			slipway.Placement{Replicas: 5, Rollout: canary, Env: map[string]string{"LEVEL": "warn"}}},
		{"a worker that cannot be told", slipway.Manifest{Kind: slipway.Worker}, prod,
			slipway.Placement{Replicas: 3, Rollout: slipway.Rollout{Strategy: slipway.Rolling}, Env: map[string]string{"LEVEL": "warn"}}},
		{"a worker that can be told", slipway.Manifest{Kind: slipway.Worker, Run: slipway.Run{Passive: true}}, prod,
			slipway.Placement{Replicas: 3, Rollout: canary, Env: map[string]string{"LEVEL": "warn"}}},
	} {
		if got := c.m.In(c.e); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
