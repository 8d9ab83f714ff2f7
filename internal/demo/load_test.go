package demo

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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
				err := newVisitor(serveOnce(t, tt.answer)).visit(own, time.Second)
				if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.HasPrefix(got, tt.want) && tt.want != "" {
					t.Errorf("own connection %v: %v, want %q", own, err, tt.want)
				}
			}
		})
	}
	if err := newVisitor("http://127.0.0.1:1/").visit(true, time.Second); err == nil || !strings.HasPrefix(err.Error(), "connect: ") {
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
	v := newVisitor(srv.URL)
	if err := v.visit(false, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := v.visit(false, time.Second); err == nil || asked.Load() != 2 {
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
	l := startLoad(400, []aim{{srv.URL + "/good", 3}, {srv.URL + "/bad", 1}})
	time.Sleep(500 * time.Millisecond)
	l.stop()
	sent, lost := l.sent(), l.lost()
	if due := 400 * time.Since(began).Seconds(); float64(sent) > due || float64(sent) < due/4 {
		t.Errorf("sent %d of %.0f that were due", sent, due)
	}
	if lost < sent/4-1 || lost > sent/4+1 || !strings.Contains(l.losses(), `answered 502 by "users-backend/1.0.0"`) {
		t.Errorf("lost %d of %d: %s", lost, sent, l.losses())
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
	l := startLoad(60_000, []aim{{srv.URL, 1}})
	for start := time.Now(); l.notSent() == 0 && time.Since(start) < 20*time.Second; {
		time.Sleep(tick)
	}
	close(answer)
	l.stop()
	if l.notSent() == 0 || l.sent() < mostOpen || l.lost() > 0 {
		t.Errorf("sent %d, not sent %d, lost %d: %s", l.sent(), l.notSent(), l.lost(), l.losses())
	}
}
