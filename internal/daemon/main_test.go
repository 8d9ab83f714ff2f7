package daemon

import (
	"fmt"
	"os"
	"testing"

	"github.com/slipway-cd/slipway/internal/build/agent"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

// TestMain makes the test program a server, the guard of a job, or the hook of a
// push, when a test starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == agent.GuardCommand {
		os.Exit(agent.Guard(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "git-hook" {
		slowHook()
		return
	}
	if database := os.Getenv(peerDatabase); database != "" {
		fmt.Fprintln(os.Stderr, servePeer(database, os.Getenv(peerData)))
		os.Exit(1)
	}
	storetest.Main(m)
}
