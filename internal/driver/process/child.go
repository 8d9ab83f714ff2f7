package process

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway/internal/procid"
)

// child is the process that an instance is, and the leader of its group.
type child struct {
	id      procid.ID
	exited  chan struct{} // closed when it has ended
	how     string        // set before exited is closed: exit 1
	started time.Time
}

// nursery starts children, reaps them and whatever orphans they leave.
type nursery struct {
	log   *slog.Logger
	vault *vault // nil: there are no secrets

	mu      sync.Mutex // between starting a child and knowing it, nothing is reaped
	own     *child
	helpers map[int]*child // commands that run beside it
}

// start runs the instance's program with its output appended to its log. The
// child holds the log itself: no output passes through the shim.
func (n *nursery) start(s Spec) (*child, error) {
	out, err := os.OpenFile(logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	attr, files, err := n.attributes(s)
	if err != nil {
		return nil, err
	}
	if err := n.vault.lay(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c, outside, err := spawn(filepath.Join(files, s.Entry), s.Argv, attr, out, s.Cgroup.Start)
	if err != nil {
		return nil, err
	}
	if outside != nil {
		n.log.Warn("it runs in no control group of its own", "err", outside)
	}
	n.own = c
	return c, nil
}

// attributes are how processes of the instance begin, and where its files are:
// both depend on where its directory is, which is the working directory.
func (n *nursery) attributes(s Spec) (attr *os.ProcAttr, files string, err error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, "", err
	}
	files = filepath.Join(here, "..", "..", "trees", s.Tree, treeFiles)
	return &os.ProcAttr{
		Dir: filepath.Join(files, s.Workdir), Env: n.environ(s, here), Sys: &syscall.SysProcAttr{Setpgid: true},
	}, files, nil
}

// environ is the whole environment of an instance whose directory is here, with
// its secrets.
func (n *nursery) environ(s Spec, here string) []string {
	env := slices.Concat(s.Env, []string{"HOME=" + filepath.Join(here, homeDir), "TMPDIR=" + filepath.Join(here, tempDir)})
	if s.Passive {
		env = append(env, "SLIPWAY_ACTIVE="+digit(s.Active), "SLIPWAY_ACTIVE_FILE="+filepath.Join(here, activeFile))
	}
	return n.vault.environ(env)
}

// spawn starts a process that says all to out and hears nothing, in a control
// group by way of in. outside says why it is in none. The nursery is locked.
func spawn(path string, argv []string, attr *os.ProcAttr, out *os.File, in func(*syscall.SysProcAttr, func() error) (outside, err error)) (c *child, outside, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = null.Close() }()
	attr.Files = []*os.File{null, out, out}
	var p *os.Process
	outside, err = in(attr.Sys, func() (err error) {
		p, err = os.StartProcess(path, argv, attr)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	pid := p.Pid
	_ = p.Release() // it is reaped by the nursery
	id, err := procid.Of(pid)
	if err != nil {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		return nil, nil, fmt.Errorf("identify process %d: %w", pid, err)
	}
	return &child{id: id, exited: make(chan struct{}), started: now()}, outside, nil
}

// adopt takes over a living child of an earlier shim. How such a child ends,
// only its parent is told.
func (n *nursery) adopt(id procid.ID, started time.Time) (*child, error) {
	h, err := id.Hold()
	if err != nil {
		return nil, err
	}
	c := &child{id: id, exited: make(chan struct{}), started: started}
	go func() {
		defer func() { _ = h.Close() }()
		h.Wait()
		c.how = "exited while another shim's child: its exit status is not known"
		close(c.exited)
	}()
	return c, nil
}

// reap collects every child that has ended, the instance's own and orphans,
// each time the kernel says so, until done is closed.
func (n *nursery) reap(sigchld <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case <-sigchld:
			n.collect()
		case <-done:
			return
		}
	}
}

func (n *nursery) collect() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		var how syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &how, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		c, isHelper := n.helpers[pid]
		if isHelper {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // whom it left in its group, whose number is nobody else's while they live
		}
		if n.own != nil && n.own.id.PID == pid {
			c, n.own = n.own, nil
		}
		if c != nil {
			c.how = exitText(how)
			close(c.exited)
			delete(n.helpers, pid)
		}
	}
}

// exitText is what a shell would call it, and the signal's name.
func exitText(how syscall.WaitStatus) string {
	if !how.Signaled() {
		return fmt.Sprintf("exit %d", how.ExitStatus())
	}
	return fmt.Sprintf("exit %d (%s)", 128+int(how.Signal()), unix.SignalName(how.Signal()))
}

// signalGroup reaches the child and what it has started in its own group. A
// child that has ended is nobody's to signal any more.
func (n *nursery) signalGroup(c *child, sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-c.exited:
	default:
		_ = syscall.Kill(-c.id.PID, sig)
	}
}

// end stops a child: SIGTERM, grace, SIGKILL.
func (n *nursery) end(c *child, grace time.Duration) {
	n.signalGroup(c, syscall.SIGTERM)
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-c.exited:
		return
	case <-patience.C:
	}
	n.signalGroup(c, syscall.SIGKILL)
	<-c.exited
}

// sweep kills what a child that has ended left behind, so that nothing keeps
// its port or works on: all that is in its control group, and who is known by
// the rest.
func (n *nursery) sweep(c *child, s Spec) {
	if err := s.Cgroup.End(); err != nil {
		n.log.Error("end what the child has left", "err", err)
	}
	for range 100 {
		left := kin(c.id.PID, s.Mark)
		if len(left) == 0 {
			return
		}
		for _, id := range left {
			_ = id.Signal(syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
