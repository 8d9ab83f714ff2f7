package router

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway/internal/router/wire"
)

// awaitHeir waits for a process that takes over, and returns the line to it, or
// nil when ctx ends first. It
// answers one at a time; one that gives up changes nothing.
func (r *Router) awaitHeir(ctx context.Context, m *memory) *net.UnixConn {
	address, release, err := upgradeAt(r.config.Dir)
	if err != nil {
		r.log.Warn("no upgrade of this router will be possible", "error", err)
		<-ctx.Done()
		return nil
	}
	defer release()
	_ = os.Remove(address.Name) // of the process before: we have the lock
	l, err := net.ListenUnix("unix", address)
	if err == nil {
		err = os.Chmod(address.Name, 0o600) // whoever may connect, may have everything
	}
	if err != nil {
		r.log.Warn("no upgrade of this router will be possible", "error", err)
		<-ctx.Done()
		return nil
	}
	l.SetUnlinkOnClose(false) // the heir listens at that name by then
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() { stop(); _ = l.Close() }()
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil
		}
		heir, err := r.bequeath(c, m)
		if err == nil {
			r.log.Info("another process has taken over; this one finishes what it has", "heir", heir.PID)
			return c
		}
		_ = c.Close()
		r.log.Warn("a process that would take over has given up; serving goes on", "error", err)
	}
}

// bequeath gives all to the process at the other end. While it does, no table is
// taken and nothing is written: both would serve by different ones.
func (r *Router) bequeath(c *net.UnixConn, m *memory) (heir wire.Process, err error) {
	_ = c.SetDeadline(time.Now().Add(upgradeWithin))
	if err := hearFrom(c, &heir); err != nil {
		return heir, err
	}
	r.still.Lock()
	defer r.still.Unlock()
	will, files := r.will(m)
	for _, words := range []any{r.process, will} {
		if err := sayTo(c, words); err != nil {
			return heir, err
		}
	}
	if err := giveFiles(c, files); err != nil {
		return heir, err
	}
	var word string
	if err := hearFrom(c, &word); err != nil {
		return heir, err
	}
	r.mu.Lock()
	r.heir = &heir
	r.mu.Unlock()
	r.doors.shut()
	if r.showing != nil {
		_ = r.showing.Close()
	}
	m.close()
	return heir, sayTo(c, "leaving")
}

// will is what this process leaves, with the files in the order of their names.
func (r *Router) will(m *memory) (estate, []syscall.Conn) {
	r.mu.Lock()
	e := estate{Table: r.table.Load().keep(), Heard: r.contact.last.Load(), Before: living(r.before), Files: []string{lockFile}}
	r.mu.Unlock()
	files := []syscall.Conn{m.lock}
	sockets := r.doors.sockets()
	for _, address := range slices.Sorted(maps.Keys(sockets)) {
		e.Files = append(e.Files, address)
		files = append(files, sockets[address])
	}
	if l, ok := r.showing.(*net.TCPListener); ok {
		e.Files = append(e.Files, metricsFile)
		files = append(files, l)
	}
	return e, files
}
