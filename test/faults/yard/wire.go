package yard

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// Wire is a connection between two of our processes that can be cut: a TCP
// proxy on a port of its own.
type Wire struct {
	l  net.Listener
	to string

	mu     sync.Mutex
	isCut  bool
	open   map[net.Conn]struct{}
	commit atomic.Int64 // cut each commit of that number; 0: none
	seen   atomic.Int64
	cuts   atomic.Int64
}

// Lay lays a wire to an address.
func Lay(to string) (*Wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, err
	}
	w := &Wire{l: l, to: to, open: map[net.Conn]struct{}{}}
	go w.accept()
	return w, nil
}

// Address is where the wire begins.
func (w *Wire) Address() string { return w.l.Addr().String() }

// End takes it away.
func (w *Wire) End() {
	_ = w.l.Close()
	w.Cut()
}

// Cut breaks every connection, and lets no other through until Mend.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for c := range w.open {
		_ = c.Close()
	}
	clear(w.open)
}

// Mend lets connections through again.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

// LoseCommits breaks a connection to PostgreSQL at every nth COMMIT: after the
// database has it, and before the answer is heard. 0 is none.
func (w *Wire) LoseCommits(n int) { w.commit.Store(int64(n)) }

// Lost counts the COMMITs whose answers were lost.
func (w *Wire) Lost() int { return int(w.cuts.Load()) }

func (w *Wire) accept() {
	for {
		near, err := w.l.Accept()
		if err != nil {
			return
		}
		go w.lead(near)
	}
}

func (w *Wire) lead(near net.Conn) {
	far, err := net.Dial("tcp", w.to) //nolint:noctx // on this machine
	if err != nil || !w.keep(near, far) {
		_ = near.Close()
		if far != nil {
			_ = far.Close()
		}
		return
	}
	lossy := new(atomic.Bool)
	go func() {
		w.pass(far, near, func(b []byte) { lossy.Store(w.commits(b)) }, nil)
	}()
	w.pass(near, far, nil, lossy)
}

// keep remembers a pair to be cut, unless the wire is cut.
func (w *Wire) keep(pair ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		return false
	}
	for _, c := range pair {
		w.open[c] = struct{}{}
	}
	return true
}

// commits reports whether these bytes to the database are a COMMIT whose answer
// is to be lost.
func (w *Wire) commits(b []byte) bool {
	n := w.commit.Load()
	if n == 0 || !bytes.Contains(bytes.ToLower(b), []byte("commit\x00")) {
		return false
	}
	return w.seen.Add(1)%n == 0
}

// pass copies until one end closes, or bytes come back that are to be lost.
func (w *Wire) pass(to, from net.Conn, see func([]byte), lossy *atomic.Bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if see != nil {
				see(buf[:n])
			}
			if lossy != nil && lossy.Load() {
				w.cuts.Add(1)
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
