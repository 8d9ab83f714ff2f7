package router

import (
	"context"
	"crypto/tls"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// hall is where connections are that came in by the doors: at their fronts,
// until they end or are handed over to net/http's server.
type hall struct {
	router  *Router
	handed  *handed
	leaving atomic.Bool // every answer is the last of its connection

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	fronts    map[*front]struct{}
	here      sync.WaitGroup
}

const (
	handshake = 10 * time.Second // of TLS

	// farewell is how long clients that keep a connection may take to learn, with
	// one more answer, that it ends. Closing it at once would meet requests that
	// are on their way.
	farewell = 300 * time.Millisecond
)

func newHall(r *Router) *hall {
	return &hall{
		router: r, handed: &handed{conns: make(chan net.Conn), done: make(chan struct{})},
		listeners: map[net.Listener]struct{}{}, fronts: map[*front]struct{}{},
	}
}

// open takes in a listener that is about to be served.
func (h *hall) open(l net.Listener) {
	h.here.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners[l] = struct{}{}
}

// serve welcomes who comes in by l, which is open, until it is closed.
func (h *hall) serve(l net.Listener) {
	defer func() {
		h.mu.Lock()
		delete(h.listeners, l)
		h.mu.Unlock()
		h.here.Done()
	}()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			f := h.enter(c)
			h.here.Go(func() { h.welcome(f) })
			continue
		}
		if t, ok := err.(interface{ Temporary() bool }); !ok || !t.Temporary() {
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second) // no files are left, most likely
		time.Sleep(pause)
	}
}

// enter makes the front of a connection that came in.
func (h *hall) enter(c net.Conn) *front {
	f := &front{Conn: c, router: h.router}
	if t, secure := c.(*tls.Conn); secure {
		f.secure, c = true, t.NetConn()
	}
	f.client = c.(*client)
	f.client.front = f
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fronts[f] = struct{}{}
	return f
}

// welcome serves a connection for as long as it is at its front.
func (h *hall) welcome(f *front) {
	defer func() {
		if p := recover(); p != nil {
			h.router.log.Error("a request could not be forwarded", "panic", p, "stack", string(debug.Stack()))
			h.forget(f)
			_ = f.Close()
		}
	}()
	t, _ := f.Conn.(*tls.Conn)
	if !h.greet(f, t) || !f.serve() {
		h.forget(f)
		_ = f.Close()
		return
	}
	h.router.handed.Add(1) // before it is forgotten: a process that leaves waits for both
	h.forget(f)
	if !h.handOver(f, t) {
		h.router.handed.Add(-1)
		_ = f.Close()
	}
}

func (h *hall) forget(f *front) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.fronts, f)
}

// greet makes TLS, if that is spoken.
func (h *hall) greet(f *front, t *tls.Conn) bool {
	if t == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshake)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		h.router.log.Debug("no TLS", "client", f.client.RemoteAddr(), "error", err)
		return false
	}
	if t.ConnectionState().NegotiatedProtocol == "h2" {
		f.gate.raw.Store(true)
	}
	return true
}

// handOver gives a connection to net/http's server.
func (h *hall) handOver(f *front, t *tls.Conn) bool {
	var c net.Conn = f
	switch {
	case t != nil && f.gate.raw.Load():
		c = t // by which net/http's server knows HTTP/2
	case t != nil:
		c = tlsFront{f}
	}
	_ = f.client.SetReadDeadline(time.Time{})
	select {
	case h.handed.conns <- c:
		return true
	case <-h.handed.done:
		return false
	}
}

// close closes the doors, lets those who are here finish, and takes leave of
// those who wait, until ctx ends.
func (h *hall) close(ctx context.Context) {
	h.leaving.Store(true)
	h.mu.Lock()
	for l := range h.listeners {
		_ = l.Close()
	}
	h.mu.Unlock()
	gone := make(chan struct{})
	go func() { h.here.Wait(); close(gone) }()
	patience := time.NewTimer(farewell)
	defer patience.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for waiting := true; ; {
		select {
		case <-gone:
			return
		case <-patience.C:
			waiting = false
		case <-look.C:
		case <-ctx.Done():
			h.end()
			<-gone
			return
		}
		if !waiting {
			h.hurry()
		}
	}
}

// hurry ends the connections of those who wait, but for requests that have come.
func (h *hall) hurry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.fronts {
		if f.waiting.Load() {
			f.client.hurry()
		}
	}
}

func (h *hall) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.fronts {
		_ = f.client.TCPConn.Close()
	}
}

// handed is a listener that gives what was handed over.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }
