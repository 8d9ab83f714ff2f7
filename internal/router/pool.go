package router

import (
	"sync"
	"time"
)

const (
	mostIdle = 128 // connections kept per endpoint

	// longestIdle is shorter than the patience of any server in common use
	// (gunicorn 2 s, Node.js 5 s), so that we close first and no request meets a
	// connection that its server is about to close.
	longestIdle = time.Second

	// longestStreamless is for HTTP/2, where the closing of a connection is announced.
	longestStreamless = 30 * time.Second
)

// pool keeps idle connections to one endpoint, the newest last.
type pool struct {
	mu      sync.Mutex
	conns   []*conn
	streams []*carrier // each carries many requests
	closed  bool
}

// take returns a living connection, or nil.
func (p *pool) take(now time.Time) *conn {
	for {
		c := p.pop()
		if c == nil {
			return nil
		}
		if now.Sub(c.idleSince) < longestIdle && alive(c.Conn) {
			return c
		}
		_ = c.Close()
	}
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.conns) - 1
	if last < 0 {
		return nil
	}
	c := p.conns[last]
	p.conns[last] = nil
	p.conns = p.conns[:last]
	return c
}

// put keeps c for later, or closes it.
func (p *pool) put(c *conn, now time.Time) {
	c.idleSince = now
	p.mu.Lock()
	keep := !p.closed && len(p.conns) < mostIdle
	if keep {
		p.conns = append(p.conns, c)
	}
	p.mu.Unlock()
	if !keep {
		_ = c.Close()
	}
}

// sweep closes what has been idle for too long.
func (p *pool) sweep(now time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.conns) && now.Sub(p.conns[n].idleSince) >= longestIdle {
		n++
	}
	old := p.conns[:n:n]
	p.conns = append([]*conn(nil), p.conns[n:]...)
	p.dropStreams(now)
	p.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

// close closes idle connections now, and others as they come back.
func (p *pool) close() {
	p.mu.Lock()
	old := p.conns
	p.conns, p.closed = nil, true
	p.dropStreams(time.Time{})
	p.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}

func (p *pool) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = false
}
