package yard

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/slipway-cd/slipway/internal/procid"
)

// Process is one of the installation's processes, by a name that no other has.
type Process struct{ procid.ID }

// Kill ends it with SIGKILL and returns once it is gone.
func (p Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	p.gone()
	return nil
}

func (p Process) gone() {
	if h, err := p.Hold(); err == nil {
		h.Wait()
		_ = h.Close()
	}
}

// Stop suspends it, and Continue lets it go on.
func (p Process) Stop() error     { return p.Signal(syscall.SIGSTOP) }
func (p Process) Continue() error { return p.Signal(syscall.SIGCONT) }

// Start starts a command of slipway beside `slipway up`. What it prints is in
// the installation's logs. It ends with the installation.
func (y *Yard) Start(name string, env []string, args ...string) (Process, error) {
	out, err := os.OpenFile(filepath.Join(y.Data, "logs", name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return Process{}, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(y.Slipway, args...) //nolint:noctx // it is ended by its name
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = y.dir, append(y.env(), env...), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, err
	}
	go func() { _ = cmd.Wait() }()
	id, err := procid.Of(cmd.Process.Pid)
	p := Process{id}
	y.apart = append(y.apart, &p)
	return p, err
}

// Shims are the processes that own the instances.
func (y *Yard) Shims() []Process {
	return y.find("cmdline", func(text string) bool {
		return strings.HasPrefix(text, y.Slipway+"\x00shim\x00") && y.owns(text)
	})
}

// Instances are the processes of services, but for those that only look whether
// another is ready.
func (y *Yard) Instances() []Process {
	all := y.find("environ", func(text string) bool {
		return strings.Contains("\x00"+text, "\x00GAUGE_LEDGER="+y.Ledger+"\x00") && strings.Contains("\x00"+text, "\x00SLIPWAY_INSTANCE=")
	})
	return slices.DeleteFunc(all, func(p Process) bool { return slices.Contains(p.words(), "ready") })
}

// All is every process of the installation.
func (y *Yard) All() []Process {
	return append(y.Instances(), y.find("cmdline", func(text string) bool {
		return strings.HasPrefix(text, y.Slipway+"\x00") && y.owns(text)
	})...)
}

// owns reports whether a command line names a place of this installation: its
// data directory may have been moved since.
func (y *Yard) owns(text string) bool {
	return strings.Contains(text, y.dir+"/") || strings.Contains(text, y.Data)
}

// find looks through the files of that name of all processes.
func (y *Yard) find(file string, is func(string) bool) []Process {
	var found []Process
	files, _ := filepath.Glob("/proc/[0-9]*/" + file)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil || !is(string(text)) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if id, err := procid.Of(pid); err == nil && id.Alive() {
			found = append(found, Process{id})
		}
	}
	return found
}

// ProcessOf names a running process.
func ProcessOf(pid int) (Process, error) {
	id, err := procid.Of(pid)
	return Process{id}, err
}

// Service is whose instance the process is, or "".
func (p Process) Service() string { return p.variable("SLIPWAY_SERVICE") }

// Instance is which instance the process is, or looks after as its shim; "" for
// none.
func (p Process) Instance() string {
	if id := p.variable("SLIPWAY_INSTANCE"); id != "" {
		return id
	}
	if words := p.words(); len(words) > 2 && words[1] == "shim" {
		return filepath.Base(words[len(words)-1])
	}
	return ""
}

// words are its command line.
func (p Process) words() []string {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "cmdline"))
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// variable is one of the environment that the process was started with.
func (p Process) variable(name string) string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ"))
	if err != nil {
		return ""
	}
	for kv := range strings.SplitSeq(string(text), "\x00") {
		if value, is := strings.CutPrefix(kv, name+"="); is {
			return value
		}
	}
	return ""
}

// Server starts another server on the same database and data directory, at
// Beside.
func (y *Yard) Server() (Process, error) {
	return y.Start("beside", nil, "server", "--data", y.Data, "--listen", y.Beside(), "--route-port", strconv.Itoa(y.RoutePort), "--queues", "test")
}

// Beside is HOST:PORT of the other server.
func (y *Yard) Beside() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(y.Listen+ports-1)) }

// Suspended reports whether a process is stopped (proc_pid_stat(5)).
func (p Process) Suspended() bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "stat"))
	_, rest, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(rest, "T")
}
