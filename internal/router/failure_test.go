package router_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// raw runs an instance that is a bare socket: one goroutine per connection.
func (w *world) raw(serve func(net.Conn)) *instance {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: l.Addr().(*net.TCPAddr).AddrPort(), server: &http.Server{}}
}

// answering takes one request after another on a connection, and ends it after
// the last.
func answering(answer func(path string) (text string, last bool)) func(net.Conn) {
	return func(c net.Conn) {
		defer func() { _ = c.Close() }()
		read := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(read)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			text, last := answer(req.URL.Path)
			if _, _ = io.WriteString(c, text); last {
				return
			}
		}
	}
}

// dead is an instance that nothing listens for.
func (w *world) dead() *instance {
	return &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", freePort(w.T)))}
}

func (w *world) get() (int, string) {
	w.Helper()
	res, err := http.Get(w.url())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// An instance takes a request, answers, and dies with the next one in hand, on
// a connection that it had kept: http.Transport would send that one again.
func TestNothingIsSentTwice(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, kept=%v", method, kept), func(t *testing.T) {
				w := newWorld(t)
				var seen atomic.Int64
				serve := answering(func(path string) (text string, last bool) {
					if path == "/die" {
						seen.Add(1)
						return "", true
					}
					return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false
				})
				w.acknowledged(w.route(time.Second, w.raw(serve), w.raw(serve)))
				if kept {
					for range 8 {
						if code, _ := w.get(); code != http.StatusOK {
							t.Fatal(code)
						}
					}
				}
				req, _ := http.NewRequestWithContext(t.Context(), method, w.url()+"/die", strings.NewReader("amount=100"))
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = res.Body.Close() }()
				if res.StatusCode != http.StatusBadGateway || seen.Load() != 1 {
					t.Errorf("answered %s, sent %d times", res.Status, seen.Load())
				}
				w.observed("one error", func(s slipway.RouteStatus) bool { return s.Errors == 1 })
			})
		}
	}
}

// Servers close connections that were idle for a while. A router that finds one
// closed has sent nothing and opens another.
func TestAConnectionThatDiedIdleLosesNothing(t *testing.T) {
	w := newWorld(t)
	closed := make(chan struct{}, 1000)
	i := w.raw(func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") // and closes, without a word about it
		}
		_ = c.Close()
		closed <- struct{}{}
	})
	w.acknowledged(w.route(time.Second, i))
	for n := range 200 {
		if code, text := w.get(); code != http.StatusOK {
			t.Fatalf("request %d: %d %s", n, code, text)
		}
		<-closed // on loopback the other end knows now
	}
}

func TestARequestThatWasNotSentIsRetriedOnce(t *testing.T) {
	w := newWorld(t)
	var marked atomic.Int64
	good := w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Slipway-Retry") != "" {
			marked.Add(1)
		}
		_, _ = io.Copy(rw, r.Body)
	})
	w.acknowledged(w.route(time.Second, w.dead(), good))
	for range 40 {
		res, err := http.Post(w.url(), "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || string(text) != "x" {
			t.Fatalf("%s %q", res.Status, text)
		}
	}
	if n := marked.Load(); n < 1 || n > 4 {
		t.Errorf("%d requests were second attempts; a dead instance is to be passed over after the first", n)
	}
}

func TestRetriesDoNotAmplify(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.dead(), w.dead(), w.dead()))
	code, text := w.get()
	if code != http.StatusBadGateway || !strings.Contains(text, "nothing was sent") {
		t.Errorf("%d %q", code, text)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url(), nil)
	req.Header.Set("Slipway-Retry", "1")
	good := w.start(nil)
	w.acknowledged(w.route(time.Second, w.dead(), good))
	refused := 0
	for range 20 {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusBadGateway {
			refused++
		}
	}
	if refused == 0 && good.hits.Load() < 20 {
		t.Error("a request that is a retry already was retried again")
	}
}

func TestNoInstance(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second))
	res, err := http.Get(w.url())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "1" ||
		string(text) != "no instance of thoughts-backend is ready in prod\n" {
		t.Errorf("%s %v %q", res.Status, res.Header, text)
	}
	w.observed("a router error", func(s slipway.RouteStatus) bool { return s.Requests == 1 && s.Errors == 1 })
}

func TestAnAnswerThatBreaksOffLooksBroken(t *testing.T) {
	for name, head := range map[string]string{
		"length":  "Content-Length: 100\r\n\r\nhalf",
		"chunked": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.acknowledged(w.route(time.Second, w.raw(func(c net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head)
				_ = c.Close()
			})))
			res, err := http.Get(w.url())
			if err == nil {
				var text []byte
				text, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err == nil {
					t.Errorf("%q looks whole", text)
				}
			}
			w.observed("an error", func(s slipway.RouteStatus) bool { return s.Errors == 1 })
		})
	}
}

// A client that breaks off its upload must not have it look whole, and it is
// nobody's error but its own.
func TestAnUploadThatBreaksOffLooksBroken(t *testing.T) {
	w := newWorld(t)
	result := make(chan error, 1)
	w.acknowledged(w.route(time.Second, w.start(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		result <- err
	})))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
	w.observed("in flight", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 1 })
	_ = c.Close()
	if err := <-result; err == nil {
		t.Error("the instance took a broken upload for a whole one")
	}
	w.observed("nothing in flight, no error", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 0 && s.Errors == 0 })
}

func TestAnEarlyAnswerToALargeUpload(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusRequestEntityTooLarge)
	})))
	for name, expect := range map[string]string{"unasked": "", "asked": "100-continue"} {
		t.Run(name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), bytes.NewReader(make([]byte, 1<<20)))
			if expect != "" {
				req.Header.Set("Expect", expect)
			}
			client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 5 * time.Second, DisableKeepAlives: true}}
			start := time.Now()
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusRequestEntityTooLarge || time.Since(start) > 3*time.Second {
				t.Errorf("%s after %v", res.Status, time.Since(start))
			}
		})
	}
}

func TestExpectContinueIsPassedOn(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(echo)))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), strings.NewReader("please"))
	req.Header.Set("Expect", "100-continue")
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}}
	start := time.Now()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if text, _ := io.ReadAll(res.Body); string(text) != "please" || time.Since(start) > 900*time.Millisecond {
		t.Errorf("%q after %v", text, time.Since(start))
	}
}

func TestAHeaderWithoutEndIsRefused(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.raw(func(c net.Conn) {
		defer func() { _ = c.Close() }()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
		for {
			if _, err := io.WriteString(c, "X-More: "+strings.Repeat("a", 1000)+"\r\n"); err != nil {
				return
			}
		}
	})))
	if code, _ := w.get(); code != http.StatusBadGateway {
		t.Error(code)
	}
}
