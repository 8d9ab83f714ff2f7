package router

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// front is a client's connection up to where a request is understood: it reads
// heads, refuses what could be understood in two ways, and forwards what is
// plain by itself (forward.go). The first request that is more than plain hands
// the connection over to net/http's server, to which the front is a connection
// like any other: see gate.go.
type front struct {
	net.Conn // the client, or TLS over it
	client   *client
	router   *Router
	secure   bool // TLS: net/http sees to names and certificates

	buf      []byte
	at, end  int // what was read and not taken is buf[at:end]
	scanned  int // bytes after at in which no end of a head is
	head     head
	flight   flight // reused from request to request
	answer   reply
	out      []byte // what is about to be written
	deadline time.Time
	waiting  atomic.Bool  // for a request's first byte
	writing  atomic.Bool  // to the client
	since    atomic.Int64 // when the request began that is being forwarded, in Unix nanoseconds; 0: none is

	watching  sync.Mutex // who watches, and the end of a request
	seen      int64      // what had moved when it was looked at
	seenSince int64
	seenAt    time.Time

	gate gate
}

const (
	firstRead    = 4 << 10
	deadlineStep = 5 * time.Second
	preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

var errSlow = errors.New("the header did not come to its end in time")

// serve takes requests for as long as they are plain, and reports whether the
// connection is to be handed over; otherwise it is over.
func (f *front) serve() (handOver bool) {
	now := time.Now()
	for {
		switch err := f.await(now); {
		case errors.Is(err, errSlow):
			f.last(408, "the request's header did not come to its end in time")
			return false
		case err != nil:
			return false
		case f.gate.raw.Load():
			return true
		case f.head.refusal.code != 0:
			f.last(f.head.refusal.code, f.head.refusal.text)
			return false
		case f.head.odd || f.secure || !f.bodyHere():
			return true
		}
		switch f.forward() {
		case notTaken:
			return true
		case over:
			return false
		case again:
		}
		now = f.flight.ended
	}
}

// await reads until a whole head is in the buffer and parsed. now is zero where
// net/http sets the deadlines.
func (f *front) await(now time.Time) error {
	f.scanned = 0
	for {
		if f.gate.raw.Load() {
			return nil
		}
		text := f.buf[f.at:f.end]
		switch {
		case isPreface(text):
			if len(text) >= len(preface) {
				f.gate.raw.Store(true)
				return nil
			}
		case f.headEnds(text) && f.head.parse(text):
			f.bound()
			return nil
		case len(text) >= mostInHeader:
			f.head = head{fields: f.head.fields[:0]}
			f.bound()
			return nil
		}
		if err := f.more(now, len(text) == 0); err != nil {
			return err
		}
		if len(text) == 0 && !now.IsZero() {
			now = time.Now() // a head has begun
		}
	}
}

func isPreface(text []byte) bool {
	n := min(len(text), len(preface))
	return n > 2 && string(text[:n]) == preface[:n]
}

// headEnds reports whether an empty line has come, in whatever spelling.
func (f *front) headEnds(text []byte) bool {
	from := max(0, f.scanned-2)
	f.scanned = len(text)
	for {
		i := bytes.IndexByte(text[from:], '\n')
		if i < 0 {
			return false
		}
		from += i + 1
		switch rest := text[from:]; {
		case len(rest) > 0 && rest[0] == '\n', len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return true
		}
	}
}

// bound refuses what is too much.
func (f *front) bound() {
	if f.head.size == 0 && f.head.refusal.code == 0 || f.head.size > mostInHeader {
		f.head.refuse(431, "the request's header is over 64 KiB")
	}
	if f.head.length > f.router.mostBody {
		f.head.refuse(413, f.router.tooLarge())
	}
}

// more reads more. A connection may be idle for long; a head that has begun has
// to come to its end soon.
func (f *front) more(now time.Time, idle bool) error {
	if f.at == f.end {
		f.at, f.end = 0, 0
	}
	if f.end == len(f.buf) {
		f.makeRoom()
	}
	if !now.IsZero() {
		f.within(now, idle)
	}
	if idle {
		f.waiting.Store(true)
	}
	n, err := f.Conn.Read(f.buf[f.end:])
	if idle {
		f.waiting.Store(false)
	}
	f.end += n
	switch {
	case n > 0:
		return nil
	case err == nil:
		return io.ErrNoProgress
	case !idle && !now.IsZero() && errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	}
	return err
}

// within sets the deadline of a read. The one of idleness is not exact: setting
// it for each request costs more than it is worth.
func (f *front) within(now time.Time, idle bool) {
	want, exact := now.Add(idleTimeout), time.Duration(0)
	if idle {
		exact = deadlineStep
	} else {
		want = now.Add(f.router.server.ReadHeaderTimeout)
	}
	if off := want.Sub(f.deadline); off > exact || off < 0 {
		f.deadline = want
		_ = f.client.SetReadDeadline(want)
	}
}

func (f *front) makeRoom() {
	if f.at > 0 {
		f.end = copy(f.buf, f.buf[f.at:f.end])
		f.at = 0
		return
	}
	bigger := make([]byte, max(firstRead, 2*len(f.buf)))
	f.end = copy(bigger, f.buf[:f.end])
	f.buf = bigger
}

// bodyHere waits a moment for a small body. One that takes longer is not plain.
func (f *front) bodyHere() bool {
	need := f.head.size + int(max(f.head.length, 0))
	if f.end-f.at >= need {
		return true
	}
	if f.at > 0 || need > len(f.buf) {
		return false // the head must stay where it is; a stream costs a little more
	}
	if string(f.head.method) == "GET" || f.end == f.at {
		return false
	}
	f.deadline = time.Now().Add(bodyMoment)
	_ = f.client.SetReadDeadline(f.deadline)
	for f.end-f.at < need {
		n, err := f.Conn.Read(f.buf[f.end:])
		f.end += n
		if err != nil {
			return false // where it is not only late, net/http will find out
		}
	}
	return true
}

// bodyMoment is how long a small body is waited for with its head in hand.
const bodyMoment = 100 * time.Millisecond

// last answers for the router, and says that it is the last answer. The
// connection is closed after it.
func (f *front) last(code int, text string) {
	f.client.sending.Store(true) // there may be more to come, which nobody will read
	f.out = f.router.dates.appendText(f.out[:0], code, text, "Connection: close\r\n")
	_ = f.client.SetWriteDeadline(time.Now().Add(lastWords))
	_, _ = f.Write(f.out)
}

// CloseWrite ends what is said to the client, and not what it says.
func (f *front) CloseWrite() error {
	if c, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// tlsFront is a front over TLS: net/http asks it who is there.
type tlsFront struct{ *front }

func (f tlsFront) ConnectionState() tls.ConnectionState {
	return f.Conn.(*tls.Conn).ConnectionState()
}
