package yard

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Echo is a way to the server on which every report is heard twice, and the one
// before it once more, late.
type Echo struct {
	server string
	http   *http.Server
	l      net.Listener
	late   sync.WaitGroup
	again  atomic.Int64

	mu    sync.Mutex
	last  []byte // report
	ended bool
}

// LayEcho lays a way to the server at an address.
func LayEcho(to string) (*Echo, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return nil, err
	}
	e := &Echo{server: "http://" + to, l: l}
	e.http = &http.Server{Handler: e, ReadHeaderTimeout: patience}
	go func() { _ = e.http.Serve(l) }()
	return e, nil
}

// Address is where the way begins.
func (e *Echo) Address() string { return e.l.Addr().String() }

// Again counts the reports that were said once more.
func (e *Echo) Again() int { return int(e.again.Load()) }

// End takes it away.
func (e *Echo) End() {
	_ = e.http.Close()
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	e.late.Wait()
}

func (e *Echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	res, err := e.say(r.Context(), r, body)
	if err != nil {
		panic(http.ErrAbortHandler) // as it was for us
	}
	defer func() { _ = res.Body.Close() }()
	if r.Method == http.MethodPost {
		e.repeat(r, body)
		e.later(r, body)
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// later repeats the report before this one, in a moment.
func (e *Echo) later(r *http.Request, body []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.last
	if e.last = body; !e.ended && before != nil {
		e.late.Go(func() {
			time.Sleep(100 * time.Millisecond)
			e.repeat(r, before)
		})
	}
}

func (e *Echo) repeat(r *http.Request, body []byte) {
	if res, err := e.say(context.WithoutCancel(r.Context()), r, body); err == nil {
		_ = res.Body.Close()
		e.again.Add(1)
	}
}

func (e *Echo) say(ctx context.Context, r *http.Request, body []byte) (*http.Response, error) {
	ask, err := http.NewRequestWithContext(ctx, r.Method, e.server+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	ask.Header = r.Header.Clone()
	return http.DefaultClient.Do(ask)
}
