package router_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/slipway-cd/slipway"
)

// broke counts one that broke off, or none.
func broke(is bool) map[slipway.Failure]uint64 {
	if !is {
		return map[slipway.Failure]uint64{}
	}
	return map[slipway.Failure]uint64{slipway.FailedReset: 1}
}

// One that breaks off after it has begun has failed, on whichever way it goes through
// the router, and however it is framed.
func TestAnAnswerThatBreaksOffHasFailed(t *testing.T) {
	const events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for _, c := range []struct {
		name, text string
		resets     bool // else it closes its connection in order
		fails      bool
		late       uint64
	}{
		{name: "of a length", text: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", fails: true},
		{name: "of a length, reset", text: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", resets: true, fails: true},
		{name: "in chunks", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", fails: true},
		{name: "in chunks, reset", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", resets: true, fails: true},
		{name: "until its end", text: "HTTP/1.1 200 OK\r\n\r\nall of it"},
		{name: "until its end, reset", text: "HTTP/1.1 200 OK\r\n\r\nhalf", resets: true, fails: true},
		{name: "events", text: events + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", fails: true, late: 1},
		{name: "events, reset", text: events + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n", resets: true, fails: true, late: 1},
		{name: "events that end", text: events + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n"},
		{name: "events until its end", text: events + "\r\ndata: 1\n\n"},
		{name: "events until its end, reset", text: events + "\r\ndata: 1\n\n", resets: true, fails: true, late: 1},
		{name: "events that were refused", text: "HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n", fails: true},
	} {
		serve := func(conn net.Conn) {
			defer func() { _ = conn.Close() }()
			req, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(conn, c.text)
			time.Sleep(100 * time.Millisecond) // so that it has begun
			if c.resets {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
		}
		asks := map[string]func(*world){"http2": func(w *world) {
			if res, err := http2Client(w.T).Get(w.url()); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		}}
		for way, request := range ways {
			asks[way] = func(w *world) { w.send(request, 5*time.Second) }
		}
		for way, ask := range asks {
			t.Run(c.name+", "+way, func(t *testing.T) {
				w := newWorld(t)
				i := w.raw(serve)
				f := w.one(i)
				ask(w)
				want := broke(c.fails)
				if strings.Contains(c.name, "refused") {
					want = map[slipway.Failure]uint64{slipway.FailedAnswer: 1}
				}
				if got := w.ends(f, i, 1, c.fails); !maps.Equal(got.Failures, want) || got.Late != c.late {
					t.Errorf("counted as %v, %d late", got.Failures, got.Late)
				}
			})
		}
	}
}

// ends waits until so many requests are counted at i, and as failed if they do.
func (w *world) ends(f slipway.Fence, i *instance, requests uint64, fails bool) slipway.Tally {
	w.Helper()
	if fails {
		for range 2000 {
			if w.tally(f, i).Failed() > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return w.counts(f, i, requests)
}

// Over HTTP/2 an instance breaks off by resetting a stream, or with its connection.
func TestAStreamThatBreaksOffHasFailed(t *testing.T) {
	for _, kind := range []string{"text/plain", "text/event-stream", "application/grpc"} {
		for _, end := range []string{"ends", "resets", "dies", "is left"} {
			for _, clients := range []string{"http1", "http2"} {
				t.Run(kind+" "+end+", "+clients, func(t *testing.T) {
					w := newWorld(t)
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					var i *instance
					i = w.http2Instance(l, func(rw http.ResponseWriter, r *http.Request) {
						rw.Header().Set("Content-Type", kind)
						_, _ = io.WriteString(rw, "begun")
						_ = http.NewResponseController(rw).Flush()
						time.Sleep(100 * time.Millisecond)
						switch end {
						case "resets":
							panic(http.ErrAbortHandler)
						case "dies":
							i.kill()
						case "is left":
							<-r.Context().Done()
						}
					})
					s := share("g1", slipway.All, i)
					s.Protocol = slipway.H2C
					f := w.compared(slipway.Route{Shares: []slipway.Share{s}})
					client := http.DefaultClient
					if clients == "http2" {
						client = http2Client(t)
					}
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url(), nil)
					if err != nil {
						t.Fatal(err)
					}
					res, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					if end == "is left" {
						time.AfterFunc(50*time.Millisecond, leave)
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					fails := end == "resets" || end == "dies"
					if got := w.ends(f, i, 1, fails); !maps.Equal(got.Failures, broke(fails)) || (got.Late == 1) != (fails && kind != "text/plain") {
						t.Errorf("counted as %v, %d late", got.Failures, got.Late)
					}
				})
			}
		}
	}
}

// A call of gRPC says how it went at its end, after what it has answered: its own
// failures count as 5xx, those of who asks as 4xx. A server that is gone has broken off.
func TestHowACallOfGRPCEnds(t *testing.T) {
	w := newWorld(t)
	s, i := w.answers(func(_ any, s grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(s)
		if err := s.SendMsg(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
		code, err := strconv.ParseUint(strings.TrimPrefix(method, "/ends/"), 10, 32)
		if err != nil {
			<-s.Context().Done()
		}
		return status.Error(codes.Code(code), "as a test wants it")
	})
	to := share("g1", slipway.All, i)
	to.Protocol = slipway.H2C
	f := w.compared(slipway.Route{Shares: []slipway.Share{to}})
	conn := w.calls()
	begin := func(ctx context.Context, method string) grpc.ClientStream {
		t.Helper()
		call, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method)
		if err == nil {
			err = call.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return call
	}
	asked := uint64(0)
	for code := range codes.Code(17) {
		before := w.tally(f, i)
		err := begin(t.Context(), fmt.Sprintf("/ends/%d", code)).RecvMsg(&grpc_health_v1.HealthCheckResponse{})
		if got := status.Code(err); got != code && code != codes.OK {
			t.Fatalf("the client was told %s, not %s", got, code)
		}
		asked++
		var failed, refused uint64
		switch code {
		case codes.OK:
		case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
			failed = 1
		default:
			refused = 1
		}
		w.eventually(code.String()+" is counted", func() bool {
			now := w.tally(f, i)
			return now.Requests == asked && now.Failures[slipway.FailedAnswer]-before.Failures[slipway.FailedAnswer] == failed && now.Refusals-before.Refusals == refused &&
				now.Late-before.Late == failed+refused
		})
	}
	ctx, leave := context.WithCancel(t.Context())
	begin(ctx, "/ends/never")
	leave()
	open := begin(t.Context(), "/ends/never")
	w.observed("one is open", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 1 })
	s.Stop()
	_ = open.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
	w.eventually("one has broken off", func() bool { return w.tally(f, i).Failures[slipway.FailedReset] == 1 })
	if got := w.counts(f, i, asked+2); got.Failed() != 7 || got.Refusals != 10 || got.Late != 17 {
		t.Errorf("%+v", got)
	}
}

// A WebSocket ends with a frame that says so, and why: who ends it without has broken it
// off, and who says that it has failed has. A client may leave as it likes.
func TestHowAWebSocketEnds(t *testing.T) {
	type ending struct {
		name   string
		serves func(context.Context, *websocket.Conn)
		leaves func(*websocket.Conn)
		fails  slipway.Failure
	}
	endings := []ending{
		{"the instance breaks off", func(_ context.Context, c *websocket.Conn) { _ = c.CloseNow() }, nil, slipway.FailedReset},
		{"the client says bye", func(ctx context.Context, c *websocket.Conn) { _, _, _ = c.Read(ctx) }, func(c *websocket.Conn) { _ = c.Close(websocket.StatusInternalError, "") }, ""},
		{"the client breaks off", func(ctx context.Context, c *websocket.Conn) { _, _, _ = c.Read(ctx) }, func(c *websocket.Conn) { _ = c.CloseNow() }, ""},
	}
	for code, fails := range map[websocket.StatusCode]slipway.Failure{
		websocket.StatusNormalClosure: "", websocket.StatusGoingAway: "", websocket.StatusNoStatusRcvd: "", websocket.StatusPolicyViolation: "", websocket.StatusMessageTooBig: "",
		websocket.StatusInternalError: slipway.FailedAnswer, websocket.StatusTryAgainLater: slipway.FailedAnswer, websocket.StatusBadGateway: slipway.FailedAnswer,
	} {
		endings = append(endings, ending{fmt.Sprintf("the instance says %d", code), func(_ context.Context, c *websocket.Conn) { _ = c.Close(code, "as a test wants it") }, nil, fails})
	}
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			i := w.start(func(rw http.ResponseWriter, r *http.Request) {
				conn, err := websocket.Accept(rw, r, nil)
				if err != nil {
					return
				}
				_ = conn.Write(r.Context(), websocket.MessageText, []byte("hello"))
				c.serves(r.Context(), conn)
			})
			f := w.one(i)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			conn, _, err := websocket.Dial(ctx, "ws://"+w.addr()+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.CloseNow() }()
			if _, text, err := conn.Read(ctx); err != nil || string(text) != "hello" {
				t.Fatal(err)
			}
			if c.leaves != nil {
				c.leaves(conn)
			} else {
				_, _, _ = conn.Read(ctx)
			}
			fails, want := c.fails != "", map[slipway.Failure]uint64{}
			if fails {
				want[c.fails] = 1
			}
			if got := w.ends(f, i, 1, fails); !maps.Equal(got.Failures, want) || (got.Late == 1) != fails {
				t.Errorf("counted as %v, %d late", got.Failures, got.Late)
			}
		})
	}
}

// Other protocols end as connections do.
func TestAnotherProtocolThatBreaksOffHasFailed(t *testing.T) {
	for _, c := range []struct {
		name                string
		resets, leaves, now bool
	}{{name: "ends"}, {name: "is reset", resets: true}, {name: "is left", leaves: true}, {name: "is left at once", leaves: true, now: true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			i := w.raw(func(conn net.Conn) {
				defer func() { _ = conn.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\nhello")
				if c.leaves {
					_, _ = io.Copy(io.Discard, conn)
				}
				time.Sleep(100 * time.Millisecond)
				if c.resets {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
			})
			f := w.one(i)
			conn, err := net.Dial("tcp", w.addr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
				t.Fatal(res, err)
			}
			defer func() { _ = res.Body.Close() }()
			if c.leaves {
				if c.now {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				_ = conn.Close()
			} else {
				_, _ = io.Copy(io.Discard, conn)
			}
			if got := w.ends(f, i, 1, c.resets); !maps.Equal(got.Failures, broke(c.resets)) {
				t.Errorf("counted as %v", got.Failures)
			}
		})
	}
}
