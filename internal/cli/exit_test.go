package cli

import (
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestAnExitCodeTellsItsKindOfError(t *testing.T) {
	for exit := 1; exit <= 5; exit++ {
		if got := exitCode(slipway.Errorf(CodeOfExit(exit), "no")); got != exit {
			t.Errorf("%d is read as %s, which ends with %d", exit, CodeOfExit(exit), got)
		}
	}
}
