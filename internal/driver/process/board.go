package process

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

// heartbeat is how often a shim is heard from at least.
const heartbeat = time.Second

// board holds what a shim knows, keeps it on disk and shows it to whoever is
// connected.
type board struct {
	log  *slog.Logger
	hide func(string) string // of what others have said; nil: nothing

	mu      sync.Mutex
	now     Report
	changed chan struct{} // closed and replaced at each change
	closed  bool
	viewers sync.WaitGroup
}

// recall reads what an earlier shim of the instance has left. A state that
// cannot be read is none: whether a child runs is then found by its mark.
func recall(log *slog.Logger) *board {
	b := &board{log: log, changed: make(chan struct{})}
	err := loadJSON(stateFile, &b.now)
	if errors.Is(err, fs.ErrNotExist) {
		b.now = Report{Phase: slipway.InstanceStarting, Since: now()}
	} else if err != nil {
		log.Error("read the state", "err", err)
		b.now = Report{Phase: slipway.InstanceStarting, Since: now(), Launching: true}
	}
	b.change(func(r *Report) { r.Shim = procid.Self() })
	return b
}

func (b *board) report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// change writes the new report down before it shows it. On a disk that is
// full, the show goes on.
func (b *board) change(edit func(*Report)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.now
	edit(&next)
	if b.hide != nil {
		next.Why = b.hide(next.Why)
	}
	if next == b.now {
		return
	}
	b.now = next
	if err := saveJSON(stateFile, next); err != nil {
		b.log.Error("write the state", "err", err)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// admit runs view beside the others, unless the board is closed.
func (b *board) admit(view func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.viewers.Go(view)
	}
	return !b.closed
}

// show sends every report to conn, and the same one again when nothing changes
// for a heartbeat, until the board is closed or nobody reads.
func (b *board) show(conn net.Conn) {
	send := json.NewEncoder(conn)
	for {
		b.mu.Lock()
		r, changed, closed := b.now, b.changed, b.closed
		b.mu.Unlock()
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if send.Encode(r) != nil || closed {
			return
		}
		select {
		case <-changed:
		case <-time.After(heartbeat):
		}
	}
}

// close lets every viewer see the last report, and waits a moment for that.
func (b *board) close() {
	b.mu.Lock()
	b.closed = true
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
	seen := make(chan struct{})
	go func() { b.viewers.Wait(); close(seen) }()
	select {
	case <-seen:
	case <-time.After(time.Second):
	}
}

// maxViewers bounds the connections to one shim. There is one driver.
const maxViewers = 16

// serve shows the board to whoever connects. Each byte that is received means:
// look whether there is an order.
func (s *shim) serve(l net.Listener) {
	places := make(chan struct{}, maxViewers)
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the shim ends
		}
		places <- struct{}{}
		ok := s.board.admit(func() {
			go s.hear(conn)
			s.board.show(conn)
			_ = conn.Close()
			<-places
		})
		if !ok {
			_ = conn.Close()
			return
		}
	}
}
