package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
)

// upgradePatience is how long a new router may take until it serves.
const upgradePatience = 40 * time.Second

// upgradeInBackground starts this program as the next process of a role that a
// supervisor keeps, and waits until it serves. The one before serves on if it
// does not come to that.
func upgradeInBackground(c *cobra.Command, r *role, now running) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := openLog(r.data.roleLog(r.name))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	logged := length(out)
	next := exec.Command(exe, append(slices.Clip(now.Args), heirFlags...)...) //nolint:noctx // it outlives this command
	next.Stdout, next.Stderr = out, out
	next.Env = roleEnv(os.Environ(), nil)
	next.SysProcAttr = roleAttr(true)
	if err := next.Start(); err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot start the %s: %w", r.name, err)
	}
	ended := make(chan struct{})
	go func() { _ = next.Wait(); close(ended) }()
	over := time.NewTimer(upgradePatience)
	defer over.Stop()
	for {
		run, err := readRunning(r.data.roleFile(r.name))
		if err == nil && run.Process.PID == next.Process.Pid {
			_, err := fmt.Fprintf(c.OutOrStdout(), "the %s is process %d now; process %d finishes what it has\n", r.name, next.Process.Pid, now.Process.PID)
			return err
		}
		select {
		case <-ended:
			return lastWords(r.data.roleLog(r.name), logged, next.ProcessState.ExitCode())
		case <-over.C:
			_ = next.Process.Kill()
			return slipway.Errorf(slipway.Unavailable, "the new %s did not serve within %s; the old one serves on", r.name, upgradePatience).
				Do("What it said: %s", r.data.roleLog(r.name))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
