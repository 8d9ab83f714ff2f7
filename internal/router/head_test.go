package router

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// spoken is a connection on which all has been said.
type spoken struct {
	net.Conn
	io.Reader
}

func (s spoken) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func spokenFront(text []byte) *front {
	c := &client{from: "192.0.2.7"}
	c.front = &front{Conn: spoken{Reader: bytes.NewReader(text)}, client: c, router: &Router{mostBody: mostBody}}
	return c.front
}

var heads = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a%2Fb//c?x=1;y=2&z=%zz HTTP/1.1\r\nHost: a.example:8080\r\nAccept: */*\r\nCookie: a=b\r\nTraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
	"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\r\nabc",
	"POST /one HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:\t3 \r\nConnection: keep-alive\r\nX:\r\n\r\nabcGET / HTTP/1.1\r\n",
	"PUT /^[x] HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, X\r\nUpgrade: websocket\r\nX: y\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nx\xff: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n",
	"GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n",
}

// What is taken reads the same to net/http, and what a front itself sends on is
// what net/http would have understood: fuzzed, because this is where requests
// are smuggled.
func FuzzHead(f *testing.F) {
	for _, text := range heads {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		fr := spokenFront(text)
		if err := fr.await(fr.flight.began); err != nil || fr.head.refusal.code != 0 || fr.gate.raw.Load() {
			return
		}
		h := &fr.head
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			if h.odd {
				return // net/http refuses it
			}
			t.Fatalf("plain, but net/http says %v: %q", err, text)
		}
		if chunked := slices.Equal(theirs.TransferEncoding, []string{"chunked"}); chunked != h.chunked || !chunked && theirs.ContentLength != max(h.length, 0) {
			t.Fatalf("framed as %d, %v; net/http: %d, %v: %q", h.length, h.chunked, theirs.ContentLength, theirs.TransferEncoding, text)
		}
		if h.odd || fr.end-fr.at < h.size+int(max(h.length, 0)) {
			return // not forwarded, or not all here
		}
		if theirs.Close != h.last {
			t.Fatalf("last is %v: %q", h.last, text)
		}
		fr.appendHead()
		out, rest := bufio.NewReader(bytes.NewReader(fr.out)), new(bytes.Buffer)
		ours, err := http.ReadRequest(out)
		if err != nil {
			t.Fatalf("the instance says %v: %q", err, fr.out)
		}
		same(t, ours, theirs)
		if _, err := io.Copy(rest, out); err != nil || rest.Len() > 0 {
			t.Fatalf("the instance sees more than one request: %q", fr.out)
		}
	})
}

// same fails unless an instance sees what net/http understood.
func same(t *testing.T, ours, theirs *http.Request) {
	t.Helper()
	a, _ := io.ReadAll(ours.Body)
	b, _ := io.ReadAll(theirs.Body)
	if ours.Method != theirs.Method || ours.RequestURI != theirs.RequestURI || ours.Host != theirs.Host || !bytes.Equal(a, b) {
		t.Fatalf("%s %q %q %q; net/http understood %s %q %q %q", ours.Method, ours.RequestURI, ours.Host, a, theirs.Method, theirs.RequestURI, theirs.Host, b)
	}
	if theirs.URL.RequestURI() != ours.RequestURI {
		t.Fatalf("net/url would write %q as %q", ours.RequestURI, theirs.URL.RequestURI())
	}
	said, heard := maps.Clone(theirs.Header), maps.Clone(ours.Header)
	if v := said["Traceparent"]; len(v) == 0 || v[0] != heard.Get("Traceparent") {
		delete(said, "Tracestate")
	}
	for name := range said {
		if kindOf([]byte(name)) == hop || name == "Connection" || name == "Traceparent" {
			delete(said, name)
		}
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Traceparent", "Content-Length"} {
		if name == "X-Forwarded-For" && heard.Get(name) != "192.0.2.7" || len(heard[name]) != 1 && name != "Content-Length" {
			t.Fatalf("%s: %q", name, heard[name])
		}
		delete(heard, name)
	}
	delete(said, "Cookie") // what is the pages' is taken out
	delete(heard, "Cookie")
	if !reflect.DeepEqual(said, heard) {
		t.Fatalf("the instance is told %q; the client said %q", heard, said)
	}
}

// A body in chunks that the gate lets pass ends where net/http sees its end, and
// is the same to it.
func FuzzChunks(f *testing.F) {
	for _, text := range []string{
		"0\r\n\r\n", "2\r\nhi\r\n0\r\n\r\nGET", "2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "A\r\n0123456789\r\n0000\r\n\r\n",
		"1\nx\r\n0\r\n\r\n", "1;a\nb\r\nx\r\n0\r\n\r\n", "+1\r\nx\r\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n", "1 \r\nx\r\n0\r\n\r\n",
	} {
		f.Add([]byte(text))
	}
	const start = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := append([]byte(start), text...)
		fr := spokenFront(whole)
		if err := fr.await(fr.flight.began); err != nil {
			t.Fatal(err)
		}
		var passed []byte
		for buf := make([]byte, 7); fr.gate.stage != atNext || fr.gate.cleared > 0; {
			n, err := fr.Read(buf)
			if passed = append(passed, buf[:n]...); err != nil {
				return // refused, or not whole
			}
		}
		raw := bufio.NewReader(bytes.NewReader(whole))
		req, err := http.ReadRequest(raw)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // net/http refuses more
		}
		rest, _ := io.ReadAll(raw)
		if !bytes.HasPrefix(whole, passed) || len(passed)+len(rest) != len(whole) {
			t.Fatalf("net/http sees the end elsewhere: passed %q, left %q", passed, rest)
		}
		again, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(passed)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(again.Body); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q, %v; want %q", got, err, body)
		}
	})
}

// An answer that is plain to a front is the same to net/http.
func FuzzReply(f *testing.F) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.0 200 OK\r\n\r\nok", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n",
		"HTTP/1.1 200 \r\nConnection: close\r\nSet-Cookie: a=b\r\nDate: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a reply
		a.parse(text)
		if a.size == 0 || a.odd {
			return
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), &http.Request{Method: http.MethodGet})
		if err != nil {
			t.Fatalf("plain, but net/http says %v: %q", err, text)
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != a.code || res.Close != a.last || !strings.HasPrefix(string(text[a.size-4:]), "\r\n\r\n") {
			t.Fatalf("%d %v; net/http: %d %v: %q", a.code, a.last, res.StatusCode, res.Close, text)
		}
		if chunked := len(res.TransferEncoding) > 0; !a.bodyless() && (chunked != a.chunked || !chunked && res.ContentLength != a.length) {
			t.Fatalf("framed as %d, %v; net/http: %d, %v: %q", a.length, a.chunked, res.ContentLength, res.TransferEncoding, text)
		}
	})
}
