package slipway_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestValidateVariable(t *testing.T) {
	for name, ok := range map[string]bool{
		"DATABASE_URL": true, "_x": true, "a1": true,
		"": false, "1A": false, "A-B": false, "A B": false, "A=B": false, "Ä": false, "A\x00": false, "SLIPWAY_X": false, "PORT": false,
		strings.Repeat("A", 128): true, strings.Repeat("A", 129): false,
	} {
		if err := slipway.ValidateVariable(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
