package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	liveEvery = time.Second      // at most one look at the state in this time, however many hints
	liveIdle  = 5 * time.Second  // a look without a hint: what routers count gives none
	liveFor   = 30 * time.Minute // then the browser connects again
	recheck   = 5 * time.Second  // a log asks this often whether its session is still good
)

// live streams the parts of a page that change, until it has ended. The
// session is checked again at every look.
func (s *site) live(w http.ResponseWriter, r *http.Request, f pageFunc) {
	stream, err := s.openStream(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer stream.close()
	hints, stop := s.Waker.Listen("")
	defer stop()
	sent := map[string]string{}
	for {
		p, err := s.Sessions.Person(r)
		if err != nil {
			return
		}
		pg, err := s.rendered(r, p, f)
		if err != nil {
			s.Log.Error("live page", "path", r.URL.Path, "err", err)
			return
		}
		for _, part := range pg.Parts {
			if html := string(part.HTML); sent[part.Template] != html {
				sent[part.Template] = html
				stream.send(part.Template, html)
			}
		}
		if pg.Ended {
			stream.send("end", "")
			return
		}
		if !stream.pause(hints) {
			return
		}
	}
}

// stream is one open answer of server-sent events.
type stream struct {
	ctx   context.Context
	w     http.ResponseWriter
	rc    *http.ResponseController
	close func()
}

// openStream begins an event stream, or returns an Unavailable error when
// there are too many.
func (s *site) openStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, slipway.Errorf(slipway.Unavailable, "%d pages are watched live already", maxStreams).Do("close one and try again")
	}
	ctx, cancel := context.WithTimeout(r.Context(), liveFor)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	return &stream{ctx: ctx, w: w, rc: http.NewResponseController(w), close: func() { cancel(); <-s.streams }}, nil
}

// send writes one event. A line of data cannot hold a line break, so each
// becomes a line of its own; a carriage return would be one as well.
func (st *stream) send(event, data string) {
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, "event: %s\n", event)
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", ""), "\n") {
		_, _ = fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	st.write(b.Bytes())
}

// write sends b at once. A browser that does not read is given up.
func (st *stream) write(b []byte) {
	_ = st.rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := st.w.Write(b); err == nil {
		_ = st.rc.Flush()
	}
}

// pause waits for a hint, but not shorter than liveEvery and not longer than
// liveIdle. It reports false when the stream is over.
func (st *stream) pause(hints <-chan struct{}) bool {
	select {
	case <-st.ctx.Done():
		return false
	case <-time.After(liveEvery):
	}
	select {
	case <-st.ctx.Done():
		return false
	case <-hints:
	case <-time.After(liveIdle - liveEvery):
		st.write([]byte(": still here\n\n"))
	}
	return true
}
