package router_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/slipway-cd/slipway"
)

// chat is an instance that says back what it is told by WebSocket.
func (w *world) chat() (i *instance, closed chan websocket.StatusCode) {
	closed = make(chan websocket.StatusCode, 10)
	return w.start(func(rw http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			w.Error(err)
			return
		}
		c.SetReadLimit(1 << 20)
		for {
			kind, text, err := c.Read(context.Background())
			if err != nil {
				closed <- websocket.CloseStatus(err)
				return
			}
			if err := c.Write(context.Background(), kind, text); err != nil {
				return
			}
		}
	}), closed
}

// Both ends of a WebSocket are told when the drain is over, between two frames.
func TestAWebSocketThatIsCutIsTold(t *testing.T) {
	for name, talks := range map[string]bool{"silent": false, "in the middle of talking": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old, closed := w.chat()
			w.acknowledged(w.route(time.Second, old))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c, _, err := websocket.Dial(ctx, "ws://"+w.addr()+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.CloseNow() }()
			c.SetReadLimit(1 << 20)
			message := bytes.Repeat([]byte("slipway "), 20_000)
			say := func() error {
				if err := c.Write(ctx, websocket.MessageBinary, message); err != nil {
					return err
				}
				_, got, err := c.Read(ctx)
				if err == nil && !bytes.Equal(got, message) {
					err = errors.New("another message")
				}
				return err
			}
			for range 3 {
				if err := say(); err != nil {
					t.Fatal(err)
				}
			}
			f := w.route(300*time.Millisecond, w.start(nil))
			w.acknowledged(f)
			w.observed("in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
			left := time.Now()
			if talks {
				for err == nil {
					err = say()
				}
			} else {
				_, _, err = c.Read(ctx)
			}
			if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
				// Who writes may find the connection closed before it reads why.
				if !talks {
					t.Errorf("the client was told %v, %v", code, err)
				} else if _, _, err = c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Logf("the client found out by writing: %v", err)
				}
			}
			if code := <-closed; code != websocket.StatusGoingAway {
				t.Errorf("the instance was told %v", code)
			}
			if w.drained(f, old); time.Since(left) > 3*time.Second {
				t.Errorf("ended after %v", time.Since(left))
			}
		})
	}
}

// A WebSocket that its ends close is closed as they like.
func TestAWebSocketEndsByItself(t *testing.T) {
	w := newWorld(t)
	i, closed := w.chat()
	w.acknowledged(w.route(time.Minute, i))
	c, _, err := websocket.Dial(t.Context(), "ws://"+w.addr()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Error(err)
	}
	if code := <-closed; code != websocket.StatusNormalClosure {
		t.Errorf("the instance was told %v", code)
	}
	w.observed("nothing in flight", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 0 })
}

// A router that is stopped tells its WebSockets, too.
func TestAStopTellsWebSockets(t *testing.T) {
	w := newWorld(t)
	i, _ := w.chat()
	w.acknowledged(w.route(time.Minute, i))
	c, _, err := websocket.Dial(t.Context(), "ws://"+w.addr()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	go w.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("told %v", err)
	}
	w.stop()
}
