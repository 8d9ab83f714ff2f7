package load

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// client asks one address over HTTP/1.1. It speaks by itself: net/http would
// silently send a request again when a kept connection breaks, and here that is
// a loss.
type client struct {
	way
	idle chan *kept
}

// kept is a connection, and when it was made.
type kept struct {
	net.Conn
	r    *bufio.Reader
	made time.Time
}

// brokenError is a request whose answer did not come whole, and when the
// connection was made that it was asked on.
type brokenError struct {
	how  string
	err  error
	made time.Time
}

func (e *brokenError) Error() string { return e.how + ": " + cause(e.err).Error() }
func (e *brokenError) Unwrap() error { return e.err }

const (
	mostIdle  = 64
	maxReason = 200 // bytes of an answer that go into a reason
)

// answer is what came back.
type answer struct {
	*http.Response
	text  []byte // the beginning of the body
	bytes int64
	sum   string // SHA-256 of the body
}

// ask asks once, on a connection of its own or a kept one, and reads the whole
// answer.
func (v *client) ask(method string, body []byte, r Request) (answer, error) {
	c, err := v.connection(r)
	if err != nil {
		return answer{}, fmt.Errorf("connect: %w", cause(err))
	}
	a, again, err := v.exchange(c, method, body, r)
	if err != nil || r.Own || !again {
		_ = c.Close()
		return a, err
	}
	select {
	case v.idle <- c:
	default:
		_ = c.Close()
	}
	return a, nil
}

func (v *client) connection(r Request) (*kept, error) {
	if !r.Own {
		if c := v.rested(); c != nil {
			return c, nil
		}
	}
	conn, err := v.connect(r.Within)
	if err != nil {
		return nil, err
	}
	return &kept{conn, bufio.NewReader(conn), time.Now()}, nil
}

// rested is a kept connection that can be used, nil where there is none.
func (v *client) rested() *kept {
	for {
		select {
		case c := <-v.idle:
			if isOpen(c.Conn) {
				return c
			}
			_ = c.Close()
		default:
			return nil
		}
	}
}

// exchange sends a request and reads the whole answer. It reports whether the
// connection can be used again.
func (v *client) exchange(c *kept, method string, body []byte, r Request) (a answer, again bool, err error) {
	if err := c.SetDeadline(time.Now().Add(r.Within)); err != nil {
		return a, false, err
	}
	head := method + " " + v.url.RequestURI() + " HTTP/1.1\r\nHost: " + v.url.Host + "\r\n" + IDHeader + ": " + r.ID + "\r\n"
	if body != nil {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	if r.Own {
		head += "Connection: close\r\n"
	}
	if _, err := c.Write(append([]byte(head+"\r\n"), body...)); err != nil {
		return a, false, &brokenError{"send", err, c.made}
	}
	res, err := http.ReadResponse(c.r, nil) //nolint:bodyclose // read closes it
	if err != nil {
		return a, false, &brokenError{"no answer", err, c.made}
	}
	a, err = read(res, c.made)
	return a, !res.Close, err
}

// read reads an answer to its end.
func read(res *http.Response, made time.Time) (a answer, err error) {
	defer func() { _ = res.Body.Close() }()
	a.Response = res
	sum := sha256.New()
	all := io.TeeReader(a.Body, sum)
	a.text, err = io.ReadAll(io.LimitReader(all, maxReason))
	if err == nil {
		a.bytes, err = io.Copy(io.Discard, all)
	}
	a.bytes += int64(len(a.text))
	a.sum = hex.EncodeToString(sum.Sum(nil))
	if err != nil {
		err = &brokenError{"truncated answer", err, made}
	}
	return a, err
}

// own is nil for an answer that the service made: a 200 with its name. The
// services make no errors by themselves, so that any other answer was made on
// the way, or because of something lost further on.
func (a answer) own() error {
	if by := a.Header.Get("Served-By"); a.StatusCode != http.StatusOK || by == "" {
		return fmt.Errorf("answered %d by %q%s", a.StatusCode, by, said(a.text))
	}
	return nil
}

// said is the first line of an answer that should have been another.
func said(text []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if line == "" {
		return ""
	}
	return ": " + line
}

// cause leaves the addresses out, so that reasons can be counted.
func cause(err error) error {
	if e, ok := err.(*net.OpError); ok { //nolint:errorlint // a wrapped one is not from the connection
		return e.Err
	}
	return err
}
