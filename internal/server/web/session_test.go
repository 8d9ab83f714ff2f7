package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// quiet is an installation in which a job runs for ever and prints nothing, and
// whose one person may be signed out.
type quiet struct{ out atomic.Bool }

func (q *quiet) Person(*http.Request) (slipway.Principal, error) {
	if q.out.Load() {
		return slipway.Principal{}, slipway.Errorf(slipway.Unauthenticated, "you are not signed in")
	}
	return slipway.Principal{Actor: slipway.Actor{Name: "mei"}, Role: slipway.Viewer}, nil
}

func (q *quiet) Listen(string) (<-chan struct{}, func()) { return make(chan struct{}), func() {} }

func (q *quiet) Board(context.Context) (api.Board, error) { return api.Board{}, nil }

func (q *quiet) Builds(context.Context, slipway.Principal, string, int) ([]api.Build, error) {
	return nil, nil
}

func (q *quiet) Build(_ context.Context, _ slipway.Principal, repository string, n int) (api.Build, error) {
	return api.Build{Repository: repository, Number: n, Jobs: []api.Job{{ID: "job-1", Kind: "command"}}}, nil
}

func (q *quiet) Deployments(context.Context, string, string, int) ([]api.Deployment, error) {
	return nil, nil
}

func (q *quiet) Deployment(context.Context, int64) (api.Deployment, error) {
	return api.Deployment{}, nil
}

func (q *quiet) JobLog(ctx context.Context, _ slipway.JobID, w io.Writer) error {
	if _, err := io.WriteString(w, "begun\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (q *quiet) pages() http.Handler {
	return New(Config{View: q, Sessions: q, Waker: q, Log: slog.New(slog.DiscardHandler)})
}

// A session that was ended is over for what is open as well.
func TestStreamsEndWithTheirSession(t *testing.T) {
	for path, accept := range map[string]string{"/": "text/event-stream", "/builds/web/1": "text/event-stream", "/builds/web/1/log/job-1": ""} {
		synctest.Test(t, func(t *testing.T) {
			q := &quiet{}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Header.Set("Accept", accept)
			ended := make(chan struct{})
			go func() { defer close(ended); q.pages().ServeHTTP(httptest.NewRecorder(), r) }()
			time.Sleep(time.Minute)
			select {
			case <-ended:
				t.Fatalf("%s ended by itself", path)
			default:
			}
			q.out.Store(true)
			out := time.Now()
			<-ended
			if d := time.Since(out); d > 10*time.Second {
				t.Errorf("%s went on for %s", path, d)
			}
		})
	}
}

// wire is a connection that takes nothing after its deadline.
type wire struct {
	*httptest.ResponseRecorder
	until time.Time
	late  atomic.Int32
}

func (w *wire) SetWriteDeadline(t time.Time) error { w.until = t; return nil }

func (w *wire) Write(b []byte) (int, error) {
	if !w.until.IsZero() && time.Now().After(w.until) {
		w.late.Add(1)
		return 0, os.ErrDeadlineExceeded
	}
	return w.ResponseRecorder.Write(b)
}

// A page on which nothing happens stays open, and shows that it does.
func TestAQuietStreamStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		r.Header.Set("Accept", "text/event-stream")
		w := &wire{ResponseRecorder: httptest.NewRecorder()}
		ended := make(chan struct{})
		go func() { defer close(ended); (&quiet{}).pages().ServeHTTP(w, r) }()
		time.Sleep(time.Minute)
		cancel()
		<-ended
		if n := strings.Count(w.Body.String(), "\n: "); n < 6 || w.late.Load() != 0 {
			t.Errorf("%d signs of life in a minute, %d that came too late", n, w.late.Load())
		}
	})
}

// Whatever a part holds, it is one event.
func TestAnEventIsOneEvent(t *testing.T) {
	rec := httptest.NewRecorder()
	st := &stream{ctx: context.Background(), w: rec, rc: http.NewResponseController(rec), close: func() {}}
	st.send("line", "a\revent: end\r\rdata: b\n\nevent: end\n")
	var fields []string
	for _, l := range strings.FieldsFunc(rec.Body.String(), func(c rune) bool { return c == '\r' || c == '\n' }) {
		name, _, _ := strings.Cut(l, ":")
		fields = append(fields, name)
	}
	if got := strings.Join(fields, " "); strings.Count(got, "event") != 1 {
		t.Errorf("sent %q", rec.Body.String())
	}
}

func TestALogIsOfItsBuild(t *testing.T) {
	w := httptest.NewRecorder()
	(&quiet{}).pages().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/builds/web/1/log/job-of-another", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
