package load

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// A request that its server says it did not begin is asked again; one that just
// breaks is lost.
func TestOverHTTP2OnlyWhatWasNotBegunIsAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first func(*http2.Framer, net.Conn)
		again int
		want  string
	}{
		{"a GOAWAY below it", func(f *http2.Framer, _ net.Conn) { _ = f.WriteGoAway(0, http2.ErrCodeNo, nil) }, 1, ""},
		{"refused", func(f *http2.Framer, _ net.Conn) { _ = f.WriteRSTStream(1, http2.ErrCodeRefusedStream) }, 1, ""},
		{"reset", func(f *http2.Framer, _ net.Conn) { _ = f.WriteRSTStream(1, http2.ErrCodeInternal) }, 0, "no answer: "},
		{"a GOAWAY above it", func(f *http2.Framer, c net.Conn) { _ = f.WriteGoAway(1, http2.ErrCodeNo, nil); _ = c.Close() }, 0, "no answer: "},
		{"cut", func(_ *http2.Framer, c net.Conn) { _ = c.Close() }, 0, "no answer: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, own := range []bool{true, false} {
				address, asked := spoilFirst(t, tt.first)
				l := &Load{}
				err := l.visit(Door{HTTP2: true}.Get(address), Request{ID: "a", Own: own, Within: 5 * time.Second})
				if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.HasPrefix(got, tt.want) && tt.want != "" {
					t.Errorf("own connection %v: %v, want %q", own, err, tt.want)
				}
				if l.Again() != tt.again || int(asked.Load()) != tt.again+1 {
					t.Errorf("own connection %v: asked again %d times, %d requests came, want %d more", own, l.Again(), asked.Load(), tt.again)
				}
			}
		})
	}
}

// spoilFirst serves HTTP/2 without TLS, and does something else with the first
// request.
func spoilFirst(t *testing.T, first func(*http2.Framer, net.Conn)) (address string, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	asked = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go spoil(c, asked, first)
		}
	}()
	return "http://" + l.Addr().String() + "/", asked
}

func spoil(c net.Conn, asked *atomic.Int64, first func(*http2.Framer, net.Conn)) {
	defer func() { _ = c.Close() }()
	if _, err := io.CopyN(io.Discard, c, int64(len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		if frame.Header().Type != http2.FrameHeaders {
			continue
		}
		if asked.Add(1) == 1 {
			first(f, c)
			continue
		}
		// :status 200 by the static table, and a field in plain letters.
		block := append([]byte{0x88, 0x00, 9}, "served-by"...)
		block = append(append(block, 3), "a/1"...)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, BlockFragment: block, EndHeaders: true, EndStream: true})
	}
}

// Whatever the door, all that is asked comes whole, and over what was wanted.
func TestDoors(t *testing.T) {
	var proto atomic.Value
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		proto.Store(fmt.Sprintf("%s %v %s", r.Proto, r.TLS != nil, r.Host))
		w.Header().Set("Served-By", "users-backend/1.0.0")
		_, _ = io.WriteString(w, "12345")
	})
	for _, tt := range []struct {
		secure, http2 bool
		want          string
	}{
		{false, false, "HTTP/1.1 false users.example"},
		{false, true, "HTTP/2.0 false users.example"},
		{true, false, "HTTP/1.1 true example.com"},
		{true, true, "HTTP/2.0 true example.com"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(mux)
			srv.Config.Protocols = new(http.Protocols)
			srv.Config.Protocols.SetHTTP1(true)
			srv.Config.Protocols.SetUnencryptedHTTP2(true)
			srv.EnableHTTP2 = true
			d, address := Door{At: srv.Listener.Addr().String(), HTTP2: tt.http2}, "http://users.example/"
			if tt.secure {
				srv.Config.Protocols.SetHTTP2(true)
				srv.StartTLS()
				pool := x509.NewCertPool()
				pool.AddCert(srv.Certificate())
				d.TLS, address = &tls.Config{RootCAs: pool}, "https://example.com/"
			} else {
				srv.Start()
			}
			t.Cleanup(srv.Close)
			for _, own := range []bool{true, false, false} {
				if err := d.Stream(address, 5).Visit(Request{ID: "a", Own: own, Within: 5 * time.Second}); err != nil {
					t.Fatal(err)
				}
				if got := proto.Load(); got != tt.want {
					t.Errorf("asked by %v, want %v", got, tt.want)
				}
			}
		})
	}
}
