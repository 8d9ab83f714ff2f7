package router

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// tunnel is what a connection becomes after 101: bytes both ways. One that
// carries WebSocket frames ends, when the drain is over, with a frame that says
// so to both ends, between two of theirs.
type tunnel struct {
	x         *exchange
	websocket bool
	leaving   atomic.Bool
	left      atomic.Bool // the client ends it, or nobody is there any more
	bye       atomic.Bool // the instance has said that it ends

	down frames // from the instance; Read's alone
	rest []byte // of the last words to the client; Read's alone
	said bool   // to the client; Read's alone

	mu   sync.Mutex
	up   frames // to the instance
	told bool   // the instance
}

func newTunnel(x *exchange, res *http.Response) *tunnel {
	x.flight.client.front.gate.raw.Store(true) // requests are over on this connection
	x.flight.client.sending.Store(true)
	return &tunnel{x: x, websocket: strings.EqualFold(res.Header.Get("Upgrade"), "websocket")}
}

// The frames that end a tunnel: 1001, going away (RFC 6455, section 7.4.1). What
// a client says is masked; zeros are a mask like any other.
const (
	leaveReason = "the instance is leaving"
	leaveFrame  = "\x88\x19\x03\xe9" + leaveReason
	leaveMasked = "\x88\x82\x00\x00\x00\x00\x03\xe9"
)

func (t *tunnel) Read(p []byte) (int, error) {
	for {
		leaving := t.leaving.Load()
		if leaving && t.down.between() && !t.said {
			t.said, t.rest = true, []byte(leaveFrame)
		}
		if t.said {
			n := copy(p, t.rest)
			if t.rest = t.rest[n:]; n == 0 {
				t.hearOut()
				return 0, errLeft
			}
			return n, nil
		}
		part := p
		if leaving {
			part = p[:min(uint64(len(p)), t.down.next())]
		}
		n, err := t.x.conn.br.Read(part)
		if t.websocket {
			t.down.pass(part[:n])
		}
		if t.down.failed() {
			t.fail(answered5xx)
		}
		if t.down.closed || !t.websocket && errors.Is(err, io.EOF) {
			t.bye.Store(true)
		}
		t.judge(err)
		if n > 0 || err == nil || !t.leaving.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if leaving && !t.down.between() { // its deadline was the last
			return 0, err
		}
		_ = t.x.conn.SetReadDeadline(time.Now().Add(lastWords))
	}
}

// judge notes how the instance has ended, if it has: WebSockets end by a frame that
// says so, everything else in an orderly way, or the client ends them. Else it has
// broken off.
func (t *tunnel) judge(err error) {
	if err != nil && !t.bye.Load() {
		t.fail(brokeOff)
	}
}

// fail notes that the instance has failed, unless somebody else has ended it before. It
// waits for nobody: who writes may be held up for long.
func (t *tunnel) fail(as failure) {
	f := t.x.flight
	if !t.left.Load() && !t.leaving.Load() && !f.clientGone() && !f.wasCut() && !f.quiet.Load() {
		f.tunnel.CompareAndSwap(int32(succeeded), int32(as))
		f.endpoint.amend(f) // the client may stay for long
	}
}

// hearOut waits a moment until the instance has closed: it is told at the end of
// the client's frame, and closing on what it still says would take that back.
func (t *tunnel) hearOut() {
	_ = t.x.conn.SetReadDeadline(time.Now().Add(lastWords))
	_, _ = io.Copy(io.Discard, t.x.conn.br)
}

var errLeft = errors.New("the drain was over, and both ends were told")

func (t *tunnel) Write(p []byte) (int, error) {
	if !t.websocket {
		n, err := t.x.conn.Conn.Write(p)
		t.judge(err)
		return n, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := p; len(rest) > 0 && !t.told; {
		part := rest
		if t.leaving.Load() {
			if t.tellInstance(); t.told {
				break
			}
			part = rest[:min(uint64(len(rest)), t.up.next())]
		}
		if t.up.ends(part) {
			t.left.Store(true) // before the instance can answer it
		}
		n, err := t.x.conn.Conn.Write(part)
		t.up.pass(part[:n])
		if err != nil {
			t.judge(err)
			return len(p) - len(rest) + n, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (t *tunnel) tellInstance() {
	if t.up.between() && !t.told {
		t.told = true
		_, _ = t.x.conn.Conn.Write([]byte(leaveMasked))
	}
}

// hangUp ends the tunnel: at once, or, where both ends understand it, with a
// word to both and in a moment.
func (t *tunnel) hangUp() {
	if !t.websocket {
		_ = t.x.conn.Close()
		return
	}
	t.leaving.Store(true)
	_ = t.x.conn.SetWriteDeadline(time.Now().Add(lastWords))
	_ = t.x.conn.SetReadDeadline(time.Now()) // wakes Read
	time.AfterFunc(lastWords, func() { _ = t.x.conn.Close() })
	if t.mu.TryLock() { // who holds it writes, and sees that we leave
		t.tellInstance()
		t.mu.Unlock()
	}
}

// CloseWrite passes the client's end on, so that the instance can still answer.
func (t *tunnel) CloseWrite() error {
	t.left.Store(true)
	if c, ok := t.x.conn.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

func (t *tunnel) Close() error {
	t.left.Store(true)
	t.x.abandon()
	return nil
}
