package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// A role is one process of Slipway under the supervisor. Which process it is
// stands in a file, so that a supervisor that comes later finds it.
type role struct {
	name     string
	exe      string
	args     []string
	env      []string // secrets go here, never into args
	data     Data
	last     bool          // others talk to it until they have ended: it ends after them
	stays    bool          // it serves on when the supervisor ends, and is adopted by the next
	patience time.Duration // between SIGTERM and SIGKILL

	mu  sync.Mutex
	run running
}

// running is the process that plays a role, as written to its file.
type running struct {
	Process procid.ID `json:"process"`
	Args    []string  `json:"args"`
	ended   chan struct{}
	why     string
	code    int   // exit code, when it has ended
	logged  int64 // length of its log when it started
}

// adoptOrStart takes over the process that a former supervisor left, when it
// was started with the same arguments; else it ends that one and starts anew.
func (r *role) adoptOrStart() error {
	left, err := readRunning(r.data.roleFile(r.name))
	if err == nil && left.Process.Alive() {
		if r.stays && slices.Equal(left.Args, r.args) {
			r.adopt(left)
			return nil
		}
		left.Process.End(r.patience)
	}
	return r.start()
}

func (r *role) adopt(left running) {
	left.ended = make(chan struct{})
	r.mu.Lock()
	r.run = left
	r.mu.Unlock()
	go func() {
		for left.Process.Alive() {
			time.Sleep(100 * time.Millisecond)
		}
		close(left.ended)
	}()
}

func (r *role) start() error {
	out, err := openLog(r.data.roleLog(r.name))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(r.exe, r.args...) //nolint:noctx // it must not end with a context: wait and stop end it
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = roleEnv(os.Environ(), r.env)
	cmd.SysProcAttr = roleAttr(r.stays)
	if err := cmd.Start(); err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot start the %s: %w", r.name, err)
	}
	now := running{Args: r.args, ended: make(chan struct{}), logged: length(out)}
	now.Process, err = procid.Of(cmd.Process.Pid)
	if err == nil {
		err = writeJSON(r.data.roleFile(r.name), now)
	}
	r.mu.Lock()
	r.run = now
	r.mu.Unlock()
	go func() {
		err := cmd.Wait()
		r.mu.Lock()
		if r.run.Process == now.Process {
			r.run.why, r.run.code = endOf(cmd, err), cmd.ProcessState.ExitCode()
		}
		r.mu.Unlock()
		close(now.ended)
	}()
	return err
}

func endOf(cmd *exec.Cmd, err error) string {
	if cmd.ProcessState != nil {
		return cmd.ProcessState.String()
	}
	return fmt.Sprint(err)
}

func (r *role) current() running {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run
}

// lastWords is the error that the process ended with.
func (r *role) lastWords() error {
	run := r.current()
	return lastWords(r.data.roleLog(r.name), run.logged, run.code)
}

// wait returns why the process ended, when it has, another one has taken over,
// or ctx is over.
func (r *role) wait(ctx context.Context) string {
	look := time.NewTicker(lookForHeir)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-r.current().ended:
			return r.current().why
		case <-look.C:
			if _, ok := r.heir(); ok {
				return ""
			}
		}
	}
}

// lookForHeir is how often a supervisor looks whether a role was upgraded. The
// process before it serves on for longer than that, or there is nothing to serve.
const lookForHeir = 200 * time.Millisecond

// heir is the process that has taken over from the one that is known, if one has.
func (r *role) heir() (running, bool) {
	if !r.stays {
		return running{}, false
	}
	run, err := readRunning(r.data.roleFile(r.name))
	return run, err == nil && run.Process != r.current().Process && run.Process.Alive()
}

// succeeded adopts the process that has taken over, if one has. The one before
// ends by itself.
func (r *role) succeeded() bool {
	heir, ok := r.heir()
	if ok {
		r.adopt(heir)
	}
	return ok
}

// stop ends the process, patiently first, and forgets it.
func (r *role) stop() {
	r.succeeded()
	run := r.current()
	if run.ended == nil {
		return
	}
	_ = run.Process.Signal(syscall.SIGTERM)
	select {
	case <-run.ended:
	case <-time.After(r.patience):
		_ = run.Process.Signal(syscall.SIGKILL)
		<-run.ended
	}
	_ = os.Remove(r.data.roleFile(r.name))
}

func readRunning(file string) (running, error) {
	var run running
	text, err := os.ReadFile(file)
	if err != nil {
		return run, err
	}
	return run, json.Unmarshal(text, &run)
}
