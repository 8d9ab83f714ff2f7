package load

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client asks one address. It speaks HTTP by itself: net/http would silently
// send a request again when a kept connection breaks, and here that is a loss.
type client struct {
	host string
	path string
	idle chan *kept
}

// kept is a connection between two requests.
type kept struct {
	net.Conn
	r *bufio.Reader
}

const (
	mostIdle  = 64
	maxReason = 200 // bytes of an answer that go into a reason
)

func newClient(address string) *client {
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{} // it cannot be connected to: every visit says so
	}
	return &client{host: u.Host, path: u.RequestURI(), idle: make(chan *kept, mostIdle)}
}

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
		select {
		case c := <-v.idle:
			return c, nil
		default:
		}
	}
	conn, err := net.DialTimeout("tcp", v.host, r.Within) //nolint:noctx // it has a timeout; the load does not end in the middle of a request
	if err != nil {
		return nil, err
	}
	return &kept{conn, bufio.NewReader(conn)}, nil
}

// exchange sends a request and reads the whole answer. It reports whether the
// connection can be used again.
func (v *client) exchange(c *kept, method string, body []byte, r Request) (a answer, again bool, err error) {
	if err := c.SetDeadline(time.Now().Add(r.Within)); err != nil {
		return a, false, err
	}
	head := method + " " + v.path + " HTTP/1.1\r\nHost: " + v.host + "\r\n" + IDHeader + ": " + r.ID + "\r\n"
	if body != nil {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	if r.Own {
		head += "Connection: close\r\n"
	}
	if _, err := c.Write(append([]byte(head+"\r\n"), body...)); err != nil {
		return a, false, fmt.Errorf("send: %w", cause(err))
	}
	if a.Response, err = http.ReadResponse(c.r, nil); err != nil { //nolint:bodyclose // it is closed below
		return a, false, fmt.Errorf("no answer: %w", cause(err))
	}
	defer func() { _ = a.Body.Close() }()
	sum := sha256.New()
	all := io.TeeReader(a.Body, sum)
	a.text, err = io.ReadAll(io.LimitReader(all, maxReason))
	if err == nil {
		a.bytes, err = io.Copy(io.Discard, all)
	}
	a.bytes += int64(len(a.text))
	a.sum = hex.EncodeToString(sum.Sum(nil))
	if err != nil {
		return a, false, fmt.Errorf("truncated answer: %w", cause(err))
	}
	return a, !a.Close, nil
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
