package agent

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// GuardCommand is the argument with which the slipway program is a guard.
const GuardCommand = "guard"

// terminate is what the agent writes to have the command end.
const terminate = 't'

// outside begins the line that says why the command is in no control group.
const outside = "outside "

// Guard runs a command for an agent, "CGROUP -- COMMAND [ARGUMENT…]", in a
// process group of its own, in the control group if one is named, and with
// nothing to read. When the command is over, whatever it started is killed, also
// what went into a session of its own (where the kernel can say: on Linux). The
// control group is for the agent, should the guard itself be killed. The agent speaks through standard input: a 't' has
// the group terminated, and the end of it, be it that the agent has died, has
// everything killed. How the command ended is written to descriptor 3.
func Guard(args []string) int {
	if len(args) < 3 || args[1] != "--" {
		fmt.Fprintln(os.Stderr, "slipway guard is for agents only")
		return 2
	}
	syscall.CloseOnExec(3)
	status := os.NewFile(3, "status")
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP) // not ignored, which is inherited
	adopt()

	group, sys := cgroup.Group(args[0]), &syscall.SysProcAttr{Setpgid: true}
	var cmd *exec.Cmd
	why, err := group.Start(sys, func() error {
		cmd = exec.Command(args[2], args[3:]...) //nolint:noctx // ends as the agent says
		cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, sys
		return cmd.Start()
	})
	if err != nil {
		_, _ = fmt.Fprint(status, err)
		return 127
	}
	if why != nil {
		_, _ = fmt.Fprintf(status, "%s%s\n", outside, strings.ReplaceAll(why.Error(), "\n", " "))
	}
	asked, gone := listen(os.Stdin)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	wait(cmd.Process.Pid, asked, gone, ended)
	_ = group.End() // the agent does it again, and says so when it fails
	sweep()
	_, _ = fmt.Fprint(status, describe(cmd.ProcessState))
	return 0
}

// listen hears what the agent says.
func listen(control io.Reader) (asked, gone chan struct{}) {
	asked, gone = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		var b [1]byte
		for heard := false; ; {
			if n, err := control.Read(b[:]); n == 0 || err != nil {
				return
			}
			if b[0] == terminate && !heard {
				heard = true
				close(asked)
			}
		}
	}()
	return asked, gone
}

// wait returns when the command is over; when it was asked to end, so that its
// children may be cleaning up, when these are over too; and when everything
// must go.
func wait(group int, asked, gone <-chan struct{}, ended <-chan struct{}) {
	terminated := false
	for {
		select {
		case <-asked:
			_ = syscall.Kill(-group, syscall.SIGTERM)
			asked, terminated = nil, true
			continue
		case <-gone:
			_ = syscall.Kill(-group, syscall.SIGKILL)
			for _, pid := range descendants() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			<-ended
			return
		case <-ended:
		}
		break
	}
	for terminated && len(descendants()) > 0 {
		select {
		case <-gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sweep kills what is left of the command until nothing is. A process may start
// another while we look, so look again.
func sweep() {
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(2 * time.Millisecond) {
		left := descendants()
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
		if len(left) == 0 {
			return
		}
	}
}

func describe(s *os.ProcessState) string {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "signal " + unix.SignalName(ws.Signal())
	}
	return fmt.Sprintf("exit %d", s.ExitCode())
}
