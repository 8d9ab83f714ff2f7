package router_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// record is an instance that remembers what it was asked.
type record struct {
	mu   sync.Mutex
	seen []string
	last http.Header
	host string
}

func (r *record) serve(rw http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, req.Method+" "+req.URL.RequestURI()+" "+string(body))
	r.last, r.host = req.Header.Clone(), req.Host
	rw.Header().Set("Keep-Alive", "timeout=5")
	rw.Header().Set("X-Answer", "yes")
	_, _ = io.WriteString(rw, "ok")
}

// exchange writes text to the router and returns all that comes back, until nothing
// more does for a while.
func exchange(t *testing.T, addr, text string) (answer string, closed bool) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, text)
	var all []byte
	for silence, part := 10*time.Second, make([]byte, 4096); ; silence = 400 * time.Millisecond {
		_ = c.SetReadDeadline(time.Now().Add(silence))
		n, err := c.Read(part)
		all = append(all, part[:n]...)
		if err != nil {
			return string(all), errors.Is(err, io.EOF)
		}
	}
}

// Two readers of one stream must never disagree on where a request ends: what
// could be read in two ways is refused, or sent on in one way and then nothing
// more is believed.
func TestSmuggling(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, text := range map[string]string{
		"length and chunks":       "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"chunks and length":       "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-LENGTH: 4\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":             "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 34\r\n\r\n" + hidden,
		"a signed length":         "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n" + hidden,
		"a space before a colon":  "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + hidden,
		"an odd encoding":         "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two encodings":           "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a bare LF in a chunk":    "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n" + hidden,
		"a bare CR in a field":    "POST /one HTTP/1.1\r\nHost: a\r\nX: a\rContent-Length: 34\r\n\r\n" + hidden,
		"a folded length":         "POST /one HTTP/1.1\r\nHost: a\r\n Content-Length: 34\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"bare line feeds":         "POST /one HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc" + hidden,
		"one bare line feed":      "GET /one HTTP/1.1\r\nHost: a\nX: y\n\r\n" + hidden,
		"the same length twice":   "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx" + hidden,
		"a list of lengths":       "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx" + hidden,
		"no length at all":        "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" + hidden,
		"a length of hex":         "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx" + hidden,
		"a folded field":          "GET /one HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" + hidden,
		"chunks of HTTP/1.0":      "POST /one HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"encodings in a list":     "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"a vertical tab":          "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" + hidden,
		"a NUL in a field":        "GET /one HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n" + hidden,
		"a LF in an extension":    "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n" + hidden,
		"a CR in an extension":    "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n" + hidden,
		"a long extension":        "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 300) + "\r\nx\r\n0\r\n\r\n" + hidden,
		"a signed chunk":          "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n" + hidden,
		"a chunk of 0x1":          "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n" + hidden,
		"a space after a chunk":   "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n" + hidden,
		"no end of a chunk":       "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n" + hidden,
		"a bare LF in a trailer":  "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n" + hidden,
		"an absolute path, twice": "GET  /one HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
		"a tab in the first line": "GET\t/one HTTP/1.1\r\nHost: a\r\n\r\n" + hidden,
		"HTTP/1.2":                "GET /one HTTP/1.2\r\nHost: a\r\n\r\n" + hidden,
		"no host":                 "GET /one HTTP/1.1\r\n\r\n" + hidden,
		"a second one, odd first": "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nPOST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 34\r\n\r\n" + hidden,
		"two hosts":               "GET /one HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + hidden,
		"a length after a length": "POST /zero HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nxPOST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rec := &record{}
			w.acknowledged(w.route(time.Second, w.start(rec.serve)))
			answer, closed := exchange(t, w.addr(), text)
			rec.mu.Lock()
			defer rec.mu.Unlock()
			for _, s := range rec.seen {
				if strings.Contains(s, "hidden") {
					t.Errorf("smuggled: the instance saw %q", rec.seen)
				}
			}
			if !closed {
				t.Errorf("the connection is believed after %q", answer)
			}
		})
	}
}

func TestWhatTheInstanceIsTold(t *testing.T) {
	w := newWorld(t)
	rec := &record{}
	w.acknowledged(w.route(time.Second, w.start(rec.serve)))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url()+"/a%2Fb//c?x=1;y=2&z=%zz", io.MultiReader(strings.NewReader("b"), strings.NewReader("ody")))
	req.Host = "thoughts.example"
	for name, value := range map[string]string{
		"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1",
		"Forwarded": "for=6.6.6.6", "X-Real-Ip": "6.6.6.6",
		"Connection": "X-Forwarded-For, X-Secret, Upgrade, Http2-Settings", "X-Secret": "hop", "Keep-Alive": "1", "Proxy-Authorization": "x",
		"Authorization": "Bearer theirs", "Cookie": "a=b", "Upgrade": "h2c", "Http2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
	} {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("X-Answer") != "yes" || res.Header.Get("Keep-Alive") != "" {
		t.Errorf("answered with %v", res.Header)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.seen[0] != "POST /a%2Fb//c?x=1;y=2&z=%zz body" || rec.host != "thoughts.example" {
		t.Errorf("asked %q of %q", rec.seen[0], rec.host)
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "thoughts.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "",
		"Forwarded": "for=127.0.0.1;host=thoughts.example;proto=http", "X-Real-Ip": "", "X-Secret": "", "Keep-Alive": "", "Proxy-Authorization": "", "Connection": "", "Upgrade": "",
		"Authorization": "Bearer theirs", "Cookie": "a=b", "User-Agent": "Go-http-client/1.1",
	} {
		if got := strings.Join(rec.last.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// A cookie does not know ports. What signs a browser in to the pages must not
// come to a service on the same host, nor from one.
func TestServicesAreNotThePages(t *testing.T) {
	w := newWorld(t)
	var rec record
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, req *http.Request) {
		rw.Header().Add("Set-Cookie", "slipway_session=mine; Path=/")
		rw.Header().Add("Set-Cookie", "__Host-slipway_session=mine")
		rw.Header().Add("Set-Cookie", "a=b; Path=/")
		rec.serve(rw, req)
	})))
	for host, want := range map[string]int{
		"slipway.localhost": 421, "slipway.localhost:7100": 421, "SlipWay.LocalHost.": 421, "slipway.localhost.:80": 421,
		"localhost": 200, "127.0.0.1:7100": 200, "thoughts.localhost": 200, "not-slipway.localhost": 200, "": 200,
	} {
		answer, _ := exchange(t, w.addr(), "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", want)) {
			t.Errorf("%q: %.30q, want %d", host, answer, want)
		}
	}
	for sent, want := range map[string]string{
		"slipway_session=sls_1":                           "",
		"a=b; slipway_session=sls_1;c=d":                  "a=b; c=d",
		"__Host-slipway_session=sls_1; a=b":               "a=b",
		"a=slipway_session":                               "a=slipway_session",
		" slipway_session =x; slipway_session=y; z=\"1\"": "z=\"1\"",
	} {
		answer, _ := exchange(t, w.addr(), "GET / HTTP/1.1\r\nHost: a\r\nCookie: "+sent+"\r\nConnection: close\r\n\r\n")
		rec.mu.Lock()
		got := strings.Join(rec.last.Values("Cookie"), "|")
		rec.mu.Unlock()
		if got != want {
			t.Errorf("%q came as %q, want %q", sent, got, want)
		}
		if strings.Contains(answer, "slipway_session") || !strings.Contains(answer, "Set-Cookie: a=b; Path=/\r\n") {
			t.Errorf("a service signs in: %q", answer)
		}
	}
}

func TestTrailersAndInterimAnswersPass(t *testing.T) {
	w := newWorld(t)
	sent := make(chan string, 1)
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		sent <- r.Trailer.Get("X-Sum")
		rw.Header().Set("Link", "</style.css>; rel=preload")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.Header().Set("Trailer", "X-Done")
		_, _ = io.WriteString(rw, "body")
		rw.Header().Set("X-Done", "yes")
	})))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n")
	read := bufio.NewReader(c)
	early, err := http.ReadResponse(read, nil)
	if err == nil {
		defer func() { _ = early.Body.Close() }()
	}
	if err != nil || early.StatusCode != http.StatusEarlyHints || early.Header.Get("Link") == "" {
		t.Fatalf("%+v, %v", early, err)
	}
	res, err := http.ReadResponse(read, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "body" || res.Trailer.Get("X-Done") != "yes" {
		t.Errorf("%q, %v, trailer %v", body, err, res.Trailer)
	}
	if got := <-sent; got != "42" {
		t.Errorf("the instance got the trailer %q", got)
	}
}

// An answer may begin, and be read, before its request has ended.
func TestBothWaysAtOnce(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(rw)
		_ = rc.EnableFullDuplex()
		_ = rc.Flush()
		lines := bufio.NewReader(r.Body)
		for {
			s, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(rw, s)
			_ = rc.Flush()
		}
	})))
	in, out := io.Pipe()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), in)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read := bufio.NewReader(res.Body)
	for _, s := range []string{"one\n", "two\n", "three\n"} {
		_, _ = io.WriteString(out, s)
		if got, err := read.ReadString('\n'); err != nil || got != s {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = out.Close()
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}
