package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// followLocked listens to i's shim for as long as Run runs. d.mu is held.
func (d *Driver) followLocked(i *instance) {
	if ctx := d.running; ctx != nil && ctx.Err() == nil && i.report.Phase != slipway.InstanceStopped {
		d.followers.Go(func() { d.follow(ctx, i) })
	}
}

// follow listens to i's shim, or to the one that it starts in its place, until
// the instance has stopped or ctx ends.
func (d *Driver) follow(ctx context.Context, i *instance) {
	failures := 0
	for {
		heard, err := d.listen(ctx, i)
		if ctx.Err() != nil {
			return
		}
		d.bereft(i, err)
		if d.status(i).Phase == slipway.InstanceStopped {
			return
		}
		if heard {
			failures = 0
		}
		failures++
		if errors.Is(err, os.ErrDeadlineExceeded) {
			d.replace(i)
		}
		if failures > 1 {
			select {
			case <-time.After(backoff(failures - 1)):
			case <-ctx.Done():
				return
			}
		}
		if !d.attended(i) {
			d.spawn(i)
		}
	}
}

var errNoShim = errors.New("its shim has ended")

// listen takes in what i's shim reports, until that ends. heard says whether
// there was anything.
func (d *Driver) listen(ctx context.Context, i *instance) (heard bool, err error) {
	conn, err := d.connect(ctx, i)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	d.mu.Lock()
	i.conn = conn
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		i.conn = nil
		d.mu.Unlock()
	}()
	nudge(conn) // an order may have been written while nobody listened
	handing, handed := context.WithCancel(ctx)
	defer handed()
	go d.hand(handing, i, conn)
	reports := json.NewDecoder(bufio.NewReader(conn))
	for {
		_ = conn.SetReadDeadline(time.Now().Add(d.patience))
		var r Report
		if err := reports.Decode(&r); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				err = errNoShim
			}
			return heard, err
		}
		heard = true
		d.note(i, r, "")
	}
}

// nudge asks a shim to look whether there is an order.
func nudge(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = conn.Write([]byte{'\n'})
}

// connect reaches i's shim, which may have been started just now.
func (d *Driver) connect(ctx context.Context, i *instance) (net.Conn, error) {
	until := time.Now().Add(d.patience)
	dialer := net.Dialer{Deadline: until}
	for {
		conn, err := dialer.DialContext(ctx, "unix", i.socket)
		if err == nil {
			return conn, nil
		}
		if !d.attended(i) {
			return nil, errNoShim
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("its shim does not listen: %w", os.ErrDeadlineExceeded)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// attended reports whether i has a shim: one that this driver has started, or
// one that holds the lock.
func (d *Driver) attended(i *instance) bool {
	if d.ownShim(i) != nil {
		return true
	}
	l, err := tryLock(filepath.Join(i.dir, lockName))
	if err != nil {
		return slipway.CodeOf(err) == slipway.Conflict
	}
	_ = l.Close()
	return false
}

// ownShim is the shim that this driver has started for i, while it runs.
func (d *Driver) ownShim(i *instance) *os.Process {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i.started != nil {
		select {
		case <-i.shimEnded:
		default:
			return i.started
		}
	}
	return nil
}

// spawn starts a shim for i, in a session of its own and with nothing of our
// environment. Whether it works shows when it is listened to.
func (d *Driver) spawn(i *instance) {
	if err := d.trySpawn(i); err != nil {
		d.log.Error("start a shim", "instance", i.spec.ID, "err", err)
		d.note(i, d.lastReport(i), "its shim cannot be started: "+reason(err))
	}
}

func (d *Driver) trySpawn(i *instance) error {
	if err := d.place(i); err != nil {
		return err
	}
	said := filepath.Join(i.dir, shimLog)
	if err := boundShimLog(said); err != nil { // it may not live long enough to do that
		return err
	}
	out, err := os.OpenFile(said, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(d.shim[0], append(d.shim[1:len(d.shim):len(d.shim)], i.dir)...) //nolint:noctx // outlives us on purpose
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	d.mu.Lock()
	i.started, i.shimEnded = cmd.Process, ended
	d.mu.Unlock()
	return nil
}

// replace ends a shim that holds its place and does not answer. Its child
// does not notice.
func (d *Driver) replace(i *instance) {
	shim := d.lastReport(i).Shim
	d.log.Warn("replacing a shim that does not answer", "instance", i.spec.ID, "pid", shim.PID)
	if own := d.ownShim(i); own != nil {
		_ = own.Kill()
	} else if !shim.Alive() || shim.Signal(syscall.SIGKILL) != nil {
		return
	}
	d.awaitUnattended(i)
}

// awaitUnattended gives a shim that is about to end a second for that.
func (d *Driver) awaitUnattended(i *instance) {
	for range 500 {
		if !d.attended(i) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// bereft notes what is true of an instance whose shim is gone: the last thing
// it wrote, as far as its child still bears it out.
func (d *Driver) bereft(i *instance, err error) {
	r := d.lastReport(i)
	trouble := errNoShim.Error()
	if r.Phase == slipway.InstanceStopped {
		trouble = "" // as it should be
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		trouble = "its shim does not answer"
	}
	switch r.Phase {
	case slipway.InstanceStarting, slipway.InstanceReady, slipway.InstanceUnready:
		if r.Child.PID != 0 && !r.Child.Alive() {
			r.Phase, r.Since = slipway.InstanceBackoff, now()
			trouble = "it has ended while it had no shim"
		}
	default: // no child is expected to run
	}
	d.note(i, r, trouble)
}

// lastReport is the newest that i's shims have left.
func (d *Driver) lastReport(i *instance) Report {
	var r Report
	if loadJSON(filepath.Join(i.dir, stateFile), &r) == nil {
		return r
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return i.report
}
