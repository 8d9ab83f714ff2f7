package agent

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes the test program a guard when an agent starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == GuardCommand {
		os.Exit(Guard(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}
