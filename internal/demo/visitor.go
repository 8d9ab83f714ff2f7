package demo

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// visitor asks one address. It speaks HTTP by itself: net/http would silently
// send a request again when a kept connection breaks, and here that is a loss.
type visitor struct {
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

func newVisitor(address string) *visitor {
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{} // it cannot be connected to: every visit says so
	}
	return &visitor{host: u.Host, path: u.RequestURI(), idle: make(chan *kept, mostIdle)}
}

// visit asks once, on a connection of its own or a kept one. Its error says how
// the request was lost. The example makes no errors by itself, so that any
// answer but its own 200 was made on the way, or because of something lost
// further on.
func (v *visitor) visit(own bool, within time.Duration) error {
	c, err := v.connection(own, within)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	again, err := v.exchange(c, own, within)
	if err != nil || own || !again {
		_ = c.Close()
		return err
	}
	select {
	case v.idle <- c:
	default:
		_ = c.Close()
	}
	return nil
}

func (v *visitor) connection(own bool, within time.Duration) (*kept, error) {
	if !own {
		select {
		case c := <-v.idle:
			return c, nil
		default:
		}
	}
	conn, err := net.DialTimeout("tcp", v.host, within) //nolint:noctx // it has a timeout; the load does not end in the middle of a request
	if err != nil {
		return nil, err
	}
	return &kept{conn, bufio.NewReader(conn)}, nil
}

// exchange sends a request and reads the whole answer. It reports whether the
// connection can be used again.
func (v *visitor) exchange(c *kept, own bool, within time.Duration) (bool, error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return false, err
	}
	head := "GET " + v.path + " HTTP/1.1\r\nHost: " + v.host + "\r\n"
	if own {
		head += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		return false, fmt.Errorf("send: %w", cause(err))
	}
	answer, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return false, fmt.Errorf("no answer: %w", cause(err))
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReason))
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
	}
	if err != nil {
		return false, fmt.Errorf("truncated answer: %w", cause(err))
	}
	if by := answer.Header.Get("Served-By"); answer.StatusCode != http.StatusOK || by == "" {
		return false, fmt.Errorf("answered %d by %q%s", answer.StatusCode, by, said(text))
	}
	return !answer.Close, nil
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
