package router_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// Who sends too much is told so in words, and nothing of it comes to an instance.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	i := w.start(echo)
	w.acknowledged(w.route(time.Second, i))
	big := strconv.FormatInt(1<<30+1, 10)
	for name, tt := range map[string]struct {
		sent, want string
	}{
		"a long header":     {"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 70<<10) + "\r\n\r\n", "431 Request Header Fields Too Large|over 64 KiB"},
		"many fields":       {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 300) + "\r\n", "431 Request Header Fields Too Large|over 256 fields"},
		"a long body":       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + big + "\r\n\r\n", "413 Request Entity Too Large|over 1024 MiB"},
		"a long chunk":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40000001\r\n", "413 Request Entity Too Large|over 1024 MiB"},
		"a long body later": {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + big + "\r\n\r\n", "413 Request Entity Too Large|over 1024 MiB"},
		"another version":   {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported|HTTP/1.1"},
		"another encoding":  {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented|chunked"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, closed := exchange(t, w.addr(), tt.sent)
			status, text, _ := strings.Cut(tt.want, "|")
			if !strings.Contains(answer, "HTTP/1.1 "+status+"\r\n") || !strings.Contains(answer, text) || !closed {
				t.Errorf("%.300q, closed %v", answer, closed)
			}
		})
	}
	if n := i.hits.Load(); n > 2 { // the one before, and the head of the one in chunks
		t.Errorf("%d requests came to the instance", n)
	}
}

// What an instance is told does not depend on which way a request takes through
// the router.
func TestBothWaysTellTheSame(t *testing.T) {
	w := newWorld(t)
	rec := &record{}
	w.acknowledged(w.route(time.Second, w.start(rec.serve)))
	const rest = "Host: thoughts.example\r\nX-A: 1\r\nx-a: 2\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n" +
		"Traceparent: 00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nTracestate: a=b\r\nCookie: a=b; slipway_session=x\r\n" +
		"Keep-Alive: 1\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\nUser-Agent: t\r\nAccept-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody"
	told := map[string]http.Header{}
	for name, first := range map[string]string{"plain": "", "handed over": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"} {
		exchange(t, w.addr(), first+"POST /a%2Fb//c?x=1;y=%zz HTTP/1.1\r\n"+rest)
		rec.mu.Lock()
		last := rec.seen[len(rec.seen)-1]
		told[name] = rec.last.Clone()
		rec.mu.Unlock()
		if last != "POST /a%2Fb//c?x=1;y=%zz body" {
			t.Errorf("%s: asked %q", name, last)
		}
		if trace := told[name].Get("Traceparent"); len(trace) != 55 || strings.Contains(trace, "AF7651") || told[name].Get("Tracestate") != "" {
			t.Errorf("%s: in the trace %q, %q", name, trace, told[name].Get("Tracestate"))
		}
		delete(told[name], "Traceparent")
	}
	a, b := told["plain"], told["handed over"]
	var one, two bytes.Buffer
	_, _ = a.Write(&one), b.Write(&two)
	if one.String() != two.String() {
		t.Errorf("plain:\n%s\nhanded over:\n%s", &one, &two)
	}
}

func TestATraceIsGoneOnWith(t *testing.T) {
	w := newWorld(t)
	rec := &record{}
	w.acknowledged(w.route(time.Second, w.start(rec.serve)))
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
	for _, first := range []string{"", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"} {
		exchange(t, w.addr(), first+"GET / HTTP/1.1\r\nHost: a\r\nTraceparent: "+trace+"\r\nTracestate: a=b\r\nConnection: close\r\n\r\n")
		rec.mu.Lock()
		if rec.last.Get("Traceparent") != trace || rec.last.Get("Tracestate") != "a=b" {
			t.Errorf("%v", rec.last)
		}
		rec.mu.Unlock()
	}
}

// Answers of every shape come through as they were, one after another on one
// connection.
func TestAnswersOfEveryShape(t *testing.T) {
	w := newWorld(t)
	large := strings.Repeat("0123456789abcdef", 20<<10)
	answers := map[string]string{
		"/length":   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"/large":    "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(large)) + "\r\n\r\n" + large,
		"/chunks":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n5000\r\n" + large[:0x5000] + "\r\n0\r\nX-Sum: 1\r\n\r\n",
		"/nothing":  "HTTP/1.1 204 No Content\r\n\r\n",
		"/same":     "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"/reason":   "HTTP/1.1 299 As You Like It\r\nContent-Length: 0\r\n\r\n",
		"/early":    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"/trailer":  "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
		"/end":      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
		"/old":      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"/lf":       "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"/folded":   "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
		"/switched": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"/garbage":  "this is no answer\r\n\r\n",
	}
	want := map[string]string{"/large": large, "/chunks": "ok" + large[:0x5000], "/nothing": "", "/same": "", "/reason": "", "/end": "until the end"}
	w.acknowledged(w.route(time.Second, w.raw(answering(func(path string) (text string, last bool) {
		return answers[path], path == "/end" || path == "/old"
	}))))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	read := bufio.NewReader(c)
	for path := range answers {
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		res, err := http.ReadResponse(read, &http.Request{Method: http.MethodGet})
		for err == nil && res.StatusCode == http.StatusEarlyHints {
			_ = res.Body.Close()
			res, err = http.ReadResponse(read, &http.Request{Method: http.MethodGet})
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.Close {
			t.Fatalf("%s: %.100q, %v, last %v", path, text, err, res.Close)
		}
		if path == "/switched" || path == "/garbage" {
			if res.StatusCode != http.StatusBadGateway {
				t.Errorf("%s: %s", path, res.Status)
			}
			continue
		}
		body, known := want[path]
		if !known {
			body = "ok"
		}
		if string(text) != body || res.Header.Get("Date") == "" {
			t.Errorf("%s: %s %v %.100q", path, res.Status, res.Header, text)
		}
	}
}

// Whom nobody waits for any more is told to stop.
func TestAClientThatLeavesEndsWhatItAskedFor(t *testing.T) {
	w := newWorld(t)
	ended := make(chan struct{})
	w.acknowledged(w.route(time.Minute, w.start(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(ended)
	})))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	w.observed("in flight", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 1 })
	_ = c.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the instance works on")
	}
	w.observed("nothing in flight, no error", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 0 && s.Errors == 0 })
}

// The trailer of a plain answer loses what its fields would, and nothing else.
func TestATrailerIsPassedOnLikeOtherFields(t *testing.T) {
	w := newWorld(t)
	const session = slipway.SessionCookie + "=stolen"
	w.acknowledged(w.route(time.Second, w.raw(func(c net.Conn) {
		defer func() { _ = c.Close() }()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"+
				"X-Real-Ip: 192.0.2.1\r\nTraceparent: a\r\nKeep-Alive: b\r\nSet-Cookie: "+session+"\r\n\r\n")
		}
	})))
	answer, _ := exchange(t, w.addr(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if want := "\r\n0\r\nX-Real-Ip: 192.0.2.1\r\nTraceparent: a\r\n\r\n"; !strings.HasSuffix(answer, want) {
		t.Errorf("%q", answer)
	}
}
