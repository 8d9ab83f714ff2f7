package daemon

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// detach starts the supervisor in the background and returns when it is ready.
func detach(ctx context.Context, data Data, o UpOptions) error {
	held, err := data.lockData("up") // somebody else's: say so here, not in a log
	if err != nil {
		return err
	}
	held.release()
	_ = os.Remove(data.ready())
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"up", "--supervise", "--data", data.Dir, "--listen", o.Listen, "--route-port", fmt.Sprint(o.RoutePort), "--keep", o.Keep, "--reach", o.Reach, "--metrics", o.Metrics}
	for _, q := range o.Queues {
		args = append(args, "--queue", string(q))
	}
	logFile := data.roleLog("up")
	out, err := openLog(logFile)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	logged := length(out)
	cmd := exec.Command(exe, args...) //nolint:noctx // it outlives us
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o.Database != "" {
		cmd.Env = append(os.Environ(), databaseEnv+"="+o.Database)
	}
	if err := cmd.Start(); err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot start in the background: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		if _, err := os.Stat(data.ready()); err == nil {
			banner(ctx, data, o)
			return nil
		}
		select {
		case <-ended:
			return lastWords(logFile, logged, cmd.ProcessState.ExitCode())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
