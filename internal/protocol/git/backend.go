package git

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"net/url"
	"strings"
	"time"
)

// call is one run of git's http-backend.
type call struct {
	repository string // folder below repositories/, without .git
	service    string // info/refs, git-upload-pack, git-receive-pack
	query      string
	bound      int64 // bytes of the body; 0 for a call without
	user       string
	env        []string
	live       bool   // each write goes out at once
	gone       func() // live: called once when the client went away
}

// serve runs git's http-backend for one call. The request that git sees is made
// anew: no credential reaches it, nor any header it does not know.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, c call) {
	path := "/git/" + c.repository + ".git/" + c.service
	in := &http.Request{
		Method: r.Method, URL: &url.URL{Path: path, RawQuery: c.query},
		Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: http.Header{}, Host: "slipway", RemoteAddr: r.RemoteAddr,
	}
	for _, h := range []string{"Content-Type", "Content-Encoding", "Git-Protocol"} {
		if v := r.Header.Get(h); v != "" {
			in.Header.Set(h, v)
		}
	}
	if c.bound > 0 {
		// CGI wants a length or none at all: git sends large packs in chunks.
		in.ContentLength = r.ContentLength
		in.Body = &patient{body: http.MaxBytesReader(w, r.Body, c.bound), control: http.NewResponseController(w)}
	}
	out := w
	if c.live {
		out = &live{ResponseWriter: w, control: http.NewResponseController(w), gone: c.gone}
	}
	stderr := &complaints{log: s.Log.With("repository", c.repository, "service", c.service)}
	backend := cgi.Handler{
		Path: s.git, Args: []string{"http-backend"}, Root: "/git", Dir: s.root(),
		Env: append(append(s.environment(),
			"GIT_PROJECT_ROOT="+s.root(), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER="+c.user,
			"GIT_PROTOCOL="+protocol(r)), c.env...),
		Stderr: stderr,
		Logger: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	backend.ServeHTTP(out, in)
}

// protocol is the version of git's protocol that the client asks for.
func protocol(r *http.Request) string {
	switch p := r.Header.Get("Git-Protocol"); p {
	case "version=1", "version=2":
		return p
	}
	return "version=0"
}

// live sends every write to the client at once: what a hook prints must be seen
// while it runs, and CGI never flushes by itself. When the client is gone it
// swallows the rest, because the push goes on: an error here would kill git in
// the middle of it.
type live struct {
	http.ResponseWriter
	control *http.ResponseController
	gone    func()
	lost    bool
}

func (l *live) WriteHeader(status int) {
	// The pack is still being read when the first progress is written.
	_ = l.control.EnableFullDuplex() // HTTP/2 is so already
	l.ResponseWriter.WriteHeader(status)
}

func (l *live) Write(b []byte) (int, error) {
	if l.lost {
		return len(b), nil
	}
	_, err := l.ResponseWriter.Write(b)
	if err == nil {
		err = l.control.Flush()
	}
	if err != nil {
		l.lost = true
		if l.gone != nil {
			l.gone()
		}
	}
	return len(b), nil
}

// patient reads a body whose sender may take its time but not fall silent.
type patient struct {
	body    io.ReadCloser
	control *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(stallFor)) // a recorder in a test has none
	n, err := p.body.Read(b)
	if err != nil {
		_ = p.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (p *patient) Close() error { return p.body.Close() }

// complaints logs what git says on its standard error, up to a bound.
type complaints struct {
	log  *slog.Logger
	seen int
}

func (c *complaints) Write(b []byte) (int, error) {
	if c.seen < 8<<10 {
		c.log.Warn("git: " + strings.TrimSpace(string(b)))
	}
	c.seen += len(b)
	return len(b), nil
}

var errTooMuch = errors.New("git printed more than it may")
