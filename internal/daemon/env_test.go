package daemon

import (
	"slices"
	"testing"
)

func TestSecretsGoToTheRoleThatNeedsThem(t *testing.T) {
	environ := []string{"PATH=/bin", "SLIPWAY_DATABASE=postgres://slipway:secret@db", "SLIPWAY_TOKEN=slu_1", "SLIPWAY_URL=http://a", "GOCACHE=/c"}
	if got, want := roleEnv(environ, nil), []string{"PATH=/bin", "SLIPWAY_URL=http://a", "GOCACHE=/c"}; !slices.Equal(got, want) {
		t.Errorf("an agent gets %v", got)
	}
	own := []string{"SLIPWAY_DATABASE=postgres://slipway:secret@db"}
	if got := roleEnv(environ, own); !slices.Contains(got, own[0]) || len(got) != 4 {
		t.Errorf("the server gets %v", got)
	}
}
