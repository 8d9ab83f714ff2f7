package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
)

// talker holds conversations.
type talker struct {
	way
	length time.Duration
	every  time.Duration
}

// WebSocket is [Door.WebSocket] through the zero Door.
func WebSocket(address string, length, every time.Duration) Visitor {
	return Door{}.WebSocket(address, length, every)
}

func (v talker) Visit(r Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), v.length+r.Within)
	defer cancel()
	transport := v.transport()
	defer transport.CloseIdleConnections()
	c, res, err := websocket.Dial(ctx, v.url.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{IDHeader: {r.ID}},
	})
	if err != nil {
		return undialled(res, err)
	}
	defer func() { _ = c.CloseNow() }()
	made := time.Now()
	for n, end := 0, time.Now().Add(v.length); time.Now().Before(end); n++ {
		if err := say(ctx, c, fmt.Sprintf("%s %d", r.ID, n)); err != nil {
			return closed(err, made)
		}
		time.Sleep(v.every)
	}
	return closed(c.Close(websocket.StatusNormalClosure, ""), made)
}

// undialled says why there was no conversation at all.
func undialled(res *http.Response, err error) error {
	var unreached *net.OpError
	switch {
	case res != nil && res.StatusCode != http.StatusSwitchingProtocols:
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxReason))
		return fmt.Errorf("no WebSocket, but %d by %q%s", res.StatusCode, res.Header.Get("Served-By"), said(text))
	case errors.As(err, &unreached):
		return fmt.Errorf("no WebSocket: %w", unreached.Err)
	}
	return fmt.Errorf("no WebSocket: %w", err)
}

// say says something and hears it again.
func say(ctx context.Context, c *websocket.Conn, text string) error {
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		return heard(ctx, c, err)
	}
	_, echo, err := c.Read(ctx)
	if err == nil && string(echo) != text {
		err = errors.New("another echo")
	}
	return err
}

// heard is what the other side said before it could not be written to any more,
// which may have been its close frame.
func heard(ctx context.Context, c *websocket.Conn, err error) error {
	if _, _, last := c.Read(ctx); websocket.CloseStatus(last) >= 0 {
		return last
	}
	return err
}

// closed is nil for the end that the protocol wants.
func closed(err error, made time.Time) error {
	proper := []websocket.StatusCode{websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusServiceRestart}
	if err == nil || slices.Contains(proper, websocket.CloseStatus(err)) {
		return nil
	}
	if broken, is := errors.AsType[*net.OpError](err); is {
		err = broken
	}
	return &brokenError{"WebSocket without a close frame", err, made}
}
