package load

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestVisitorTellsHowARequestWasLost(t *testing.T) {
	const fine = "HTTP/1.1 200 OK\r\nServed-By: users-backend/1.0.0\r\nContent-Length: 2\r\n\r\nok"
	for _, tt := range []struct{ name, answer, want string }{
		{"fine", fine, ""},
		{"reset", "", "no answer: "},
		{"truncated", strings.TrimSuffix(fine, "k"), "truncated answer: unexpected EOF"},
		{"router's 502", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\nno luck\n", `answered 502 by "": no luck`},
		{"somebody else's 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", `answered 200 by ""`},
		{"garbage", "SSH-2.0-OpenSSH\r\n\r\n", "no answer: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, own := range []bool{true, false} {
				err := Get(serveOnce(t, tt.answer)).Visit(Request{Own: own, Within: time.Second})
				if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.HasPrefix(got, tt.want) && tt.want != "" {
					t.Errorf("own connection %v: %v, want %q", own, err, tt.want)
				}
			}
		})
	}
	if err := Get("http://127.0.0.1:1/").Visit(Request{Own: true, Within: time.Second}); err == nil || !strings.HasPrefix(err.Error(), "connect: ") {
		t.Errorf("nobody listens: %v", err)
	}
}

// serveOnce answers one request with text and closes the connection.
func serveOnce(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = c.Write([]byte(text))
		}
	}()
	return "http://" + l.Addr().String() + "/users"
}

func TestVisitorNeverAsksTwice(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 2 { // net/http would ask again, for a kept connection broke
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Served-By", "users-backend/1.0.0")
	}))
	srv.Start()
	t.Cleanup(srv.Close)
	v := Get(srv.URL)
	if err := v.Visit(Request{Within: time.Second}); err != nil {
		t.Fatal(err)
	}
	if err := v.Visit(Request{Within: time.Second}); err == nil || asked.Load() != 2 {
		t.Errorf("a broken connection was not a loss: %v, asked %d times", err, asked.Load())
	}
}

func TestLoadKeepsItsRateWhateverTheAnswers(t *testing.T) {
	var answered, connections atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answered.Add(1)%10 == 0 {
			time.Sleep(300 * time.Millisecond) // a closed loop would fall behind
		}
		w.Header().Set("Served-By", "users-backend/1.0.0")
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	began := time.Now()
	l := Start(400, []Aim{{Get(srv.URL + "/good"), 3}, {Get(srv.URL + "/bad"), 1}})
	time.Sleep(500 * time.Millisecond)
	l.Stop()
	sent, lost := l.Sent(), l.Lost()
	if due := 400 * time.Since(began).Seconds(); float64(sent) > due || float64(sent) < due/4 {
		t.Errorf("sent %d of %.0f that were due", sent, due)
	}
	if lost < sent/4-1 || lost > sent/4+1 || !strings.Contains(l.Reasons(), `answered 502 by "users-backend/1.0.0"`) {
		t.Errorf("lost %d of %d: %s", lost, sent, l.Reasons())
	}
	if n := int(connections.Load()); n < sent/fresh || n >= sent {
		t.Errorf("%d connections for %d requests, a quarter of them on their own", n, sent)
	}
}

// A machine that is too slow for the rate is not a router that loses requests.
func TestWhatWasNeverSentIsNotLost(t *testing.T) {
	answer := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		w.Header().Set("Served-By", "users-backend/1.0.0")
	}))
	t.Cleanup(srv.Close)
	l := Start(60_000, []Aim{{Get(srv.URL), 1}})
	for start := time.Now(); l.NotSent() == 0 && time.Since(start) < 20*time.Second; {
		time.Sleep(tick)
	}
	close(answer)
	l.Stop()
	if l.NotSent() == 0 || l.Sent() < mostOpen || l.Lost() > 0 {
		t.Errorf("sent %d, not sent %d, lost %d: %s", l.Sent(), l.NotSent(), l.Lost(), l.Reasons())
	}
}

// echo is a service that gives bodies back, cut short or not.
func echo(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		w.Header().Set("Served-By", "users-backend/1.0.0")
		w.Header().Set(SumHeader, hex.EncodeToString(sum[:]))
		_, _ = w.Write(change(body))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestBodiesAndStreamsComeWhole(t *testing.T) {
	same := func(b []byte) []byte { return b }
	less := func(b []byte) []byte { return b[1:] }
	text := func([]byte) []byte { return []byte("12345") }
	for _, tt := range []struct {
		name  string
		visit Visitor
		want  string
	}{
		{"the same body", Post(echo(t, same), 3000), ""},
		{"another body", Post(echo(t, less), 3000), "another body: 3000 bytes were sent, 2999 came back"},
		{"a whole stream", Stream(echo(t, text), 5), ""},
		{"a short stream", Stream(echo(t, text), 6), "truncated answer: 5 of 6 bytes"},
	} {
		err := tt.visit.Visit(Request{ID: "a", Within: 5 * time.Second})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestConversationsEndWithACloseFrame(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*websocket.Conn)
		want string
	}{
		{"as long as the client likes", nil, ""},
		{"going away", func(c *websocket.Conn) { _ = c.Close(websocket.StatusGoingAway, "") }, ""},
		{"cut", func(c *websocket.Conn) { _ = c.CloseNow() }, "WebSocket without a close frame: "},
		{"an error", func(c *websocket.Conn) { _ = c.Close(websocket.StatusInternalError, "") }, "WebSocket without a close frame: "},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			for n := 0; ; n++ {
				kind, text, err := c.Read(r.Context())
				switch {
				case err != nil:
					return
				case n == 2 && tt.end != nil:
					tt.end(c)
					return
				case c.Write(r.Context(), kind, text) != nil:
					return
				}
			}
		}))
		t.Cleanup(srv.Close)
		err := WebSocket(srv.URL, 100*time.Millisecond, 10*time.Millisecond).Visit(Request{ID: "a", Within: 5 * time.Second})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// A kept connection that its server has closed meanwhile is not used: that is
// what every client sees to.
func TestAConnectionThatWasClosedIdleIsReplaced(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Served-By", "users-backend/1.0.0")
	}))
	t.Cleanup(srv.Close)
	v := Get(srv.URL)
	for n := range 3 {
		if err := v.Visit(Request{Within: 5 * time.Second}); err != nil {
			t.Errorf("visit %d: %v", n, err)
		}
		srv.CloseClientConnections()
	}
	if asked.Load() != 3 {
		t.Errorf("asked %d times", asked.Load())
	}
}
