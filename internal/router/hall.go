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

// serve welcomes who comes in by l, until l is closed.
func (h *hall) serve(l net.Listener) {
	h.mu.Lock()
	h.listeners[l] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.listeners, l)
		h.mu.Unlock()
	}()
	for pause := time.Duration(0); ; {
		c, err := l.Accept()
		if err == nil {
			pause = 0
			h.here.Go(func() { h.welcome(c) })
			continue
		}
		if t, ok := err.(interface{ Temporary() bool }); !ok || !t.Temporary() {
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second) // no files are left, most likely
		time.Sleep(pause)
	}
}

// welcome serves a connection for as long as it is at its front.
func (h *hall) welcome(c net.Conn) {
	f := &front{Conn: c, router: h.router}
	defer func() {
		if p := recover(); p != nil {
			h.router.log.Error("a request could not be forwarded", "panic", p, "stack", string(debug.Stack()))
			h.forget(f)
			_ = c.Close()
		}
	}()
	t, secure := c.(*tls.Conn)
	if f.secure = secure; secure {
		c = t.NetConn()
	}
	f.client = c.(*client)
	f.client.front = f
	h.mu.Lock()
	h.fronts[f] = struct{}{}
	h.mu.Unlock()
	handOver := h.greet(f, t) && f.serve()
	h.forget(f)
	if !handOver || !h.handOver(f, t) {
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
			h.end(func(*front) bool { return true })
			<-gone
			return
		}
		if !waiting {
			h.end(func(f *front) bool { return f.waiting.Load() })
		}
	}
}

func (h *hall) end(which func(*front) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for f := range h.fronts {
		if which(f) {
			_ = f.client.TCPConn.Close()
		}
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
