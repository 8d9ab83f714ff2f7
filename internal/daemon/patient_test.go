package daemon

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestWhoFallsSilentIsGivenUp(t *testing.T) {
	read := make(chan error, 1)
	srv := httptest.NewServer(patient(200*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	})))
	defer srv.Close()
	for name, tt := range map[string]struct {
		pieces []string
		pause  time.Duration
		silent bool
	}{
		"slow":   {[]string{"a", "b", "c", "d", "e"}, 100 * time.Millisecond, false},
		"silent": {[]string{"a", "b", "c", "d"}, 0, true},
	} {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
		for _, p := range tt.pieces {
			_, _ = io.WriteString(c, p)
			time.Sleep(tt.pause)
		}
		select {
		case err := <-read:
			if (err != nil) != tt.silent {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: it still waits", name)
		}
		_ = c.Close()
	}
}
