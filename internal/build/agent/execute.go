package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// outcome is how a command ended.
type outcome struct {
	code   int    // -1 when a signal ended it
	signal string // SIGKILL
	reason string // why it was stopped, when it was
}

func (o outcome) String() string {
	if o.signal != "" {
		return o.signal
	}
	return fmt.Sprintf("exit %d", o.code)
}

// execute runs a command under a guard. When ctx is over the command's process
// group gets SIGTERM, and after the grace everything it started SIGKILL. It
// returns when all of that is gone, and all output is written.
func (a *Agent) execute(ctx context.Context, dir string, env []string, out io.Writer, argv ...string) (outcome, error) {
	var pipes [3]struct{ r, w *os.File } // output, control, status
	for i := range pipes {
		var err error
		if pipes[i].r, pipes[i].w, err = os.Pipe(); err != nil {
			return outcome{}, err
		}
		defer func() { _ = pipes[i].r.Close(); _ = pipes[i].w.Close() }()
	}
	output, control, status := pipes[0], pipes[1], pipes[2]
	group, err := a.enclose()
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.Command(a.Exe, append([]string{GuardCommand, string(group), "--"}, argv...)...) //nolint:noctx // stopped through the control pipe
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = control.r, output.w, output.w
	cmd.ExtraFiles = []*os.File{status.w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		a.release(group)
		return outcome{}, err
	}
	for _, end := range []*os.File{control.r, output.w, status.w} {
		_ = end.Close()
	}
	copied := make(chan struct{})
	go func() { defer close(copied); _, _ = io.Copy(out, output.r) }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	err = a.await(ctx, cmd, control.w, ended)
	a.release(group)
	_ = output.r.SetReadDeadline(time.Now().Add(2 * time.Second)) // only a guard that was killed leaves writers behind, where there is no group
	<-copied
	return a.result(status.r, err)
}

// await waits for the guard, and stops it when ctx is over.
func (a *Agent) await(ctx context.Context, cmd *exec.Cmd, control *os.File, ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace := a.grace
	if errors.Is(context.Cause(ctx), errLost) {
		grace = a.lostGrace
	}
	_, _ = control.Write([]byte{terminate})
	for range 2 { // to kill what is left; then the guard itself, should it hang
		select {
		case err := <-ended:
			return err
		case <-time.After(grace):
			_ = control.Close()
		}
		grace = a.grace
	}
	_ = cmd.Process.Kill()
	return <-ended
}

// result reads what the guard says of the command.
func (a *Agent) result(status io.Reader, guard error) (outcome, error) {
	var o outcome
	text, _ := io.ReadAll(io.LimitReader(status, 4096))
	if why, rest, ok := bytes.Cut(text, []byte("\n")); ok && bytes.HasPrefix(why, []byte(outside)) {
		a.Logger.Warn("a job ran in no control group of its own", "why", string(why[len(outside):]))
		text = rest
	}
	if n, _ := fmt.Sscanf(string(text), "exit %d", &o.code); n == 1 {
		return o, nil
	}
	if n, _ := fmt.Sscanf(string(text), "signal %s", &o.signal); n == 1 {
		o.code = -1
		return o, nil
	}
	if len(text) > 0 {
		return o, errors.New(string(text))
	}
	return outcome{code: -1, signal: "SIGKILL"}, nil //nolint:nilerr // the guard was killed, and says nothing
}
