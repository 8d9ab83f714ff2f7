package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway/internal/router/wire"
)

// heritage is what a new process has of the one that it takes over from.
type heritage struct {
	estate
	from  wire.Process
	conn  *net.UnixConn
	files map[string]*os.File
}

// inherit asks the running process for what it has; nil when none runs.
func (r *Router) inherit(ctx context.Context) (*heritage, error) {
	address, release, err := upgradeAt(r.config.Dir)
	if err != nil {
		return nil, nil // no directory, no router
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, upgradeWithin)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", address.Name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil
	}
	if err != nil {
		return nil, cannotTakeOver(err)
	}
	h := &heritage{conn: c.(*net.UnixConn)}
	if err := h.read(r.process); err != nil {
		h.close()
		return nil, cannotTakeOver(err)
	}
	return h, nil
}

func (h *heritage) read(self wire.Process) (err error) {
	_ = h.conn.SetDeadline(time.Now().Add(upgradeWithin))
	if err := sayTo(h.conn, self); err != nil {
		return err
	}
	if err := hearFrom(h.conn, &h.from); err != nil {
		return err
	}
	if err := hearFrom(h.conn, &h.estate); err != nil {
		return err
	}
	h.files, err = takeFiles(h.conn, h.Files)
	if err == nil && h.files[lockFile] == nil {
		err = errors.New("the lock of its directory did not come")
	}
	return err
}

// close gives up, or ends what is not needed any more.
func (h *heritage) close() {
	closeAll(h.files)
	_ = h.conn.Close()
}

// succeed puts into effect what the process before had in effect. The lock goes
// over to the memory.
func (r *Router) succeed(ctx context.Context, h *heritage) (*memory, error) {
	m := &memory{dir: r.config.Dir, lock: h.files[lockFile]}
	delete(h.files, lockFile)
	r.recall(ctx, h.Table)
	r.mu.Lock()
	clear(r.doubted) // a living router vouches for it
	next := r.again(r.table.Load())
	r.enter(ctx, r.table.Load(), next)
	r.durable = emptyTable() // until it is on disk
	r.before = append(slices.Clone(h.Before), h.from)
	r.mu.Unlock()
	r.contact.last.Store(h.Heard)
	for address, f := range h.files {
		l, err := net.FileListener(f)
		if err != nil {
			m.close()
			h.close()
			return nil, cannotTakeOver(fmt.Errorf("the socket of %s: %w", address, err))
		}
		if address == metricsFile {
			r.showing = l
			continue
		}
		r.doors.inherit(address, l)
	}
	closeAll(h.files) // copies of them are in use
	return m, nil
}

// relieve tells the process before that this one serves, and looks at its end.
func (r *Router) relieve(ctx context.Context, h *heritage) error {
	if err := sayTo(h.conn, servingWord); err != nil {
		return cannotTakeOver(err)
	}
	var word string
	if err := hearFrom(h.conn, &word); err != nil && !errors.Is(err, io.EOF) {
		r.log.Warn("the router process before does not say that it leaves", "error", err)
	}
	_ = h.conn.SetDeadline(time.Time{})
	go func() { // ends with the process before, or with this one
		defer h.close()
		_, _ = h.conn.Read(make([]byte, 1))
		for range 200 {
			if r.bereaved(ctx) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return nil
}
