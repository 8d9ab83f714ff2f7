package router

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// ServeHTTP routes one request by the port that it came in at.
func (r *Router) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	w = lastWriter{w, r.hall}
	c := clientOf(in)
	if why := c.front.gate.refused.Load(); why != nil && in.Method == refusedVerb {
		w.Header().Set("Connection", "close")
		say(w, why.code, why.text)
		return
	}
	if in.Method == http.MethodConnect {
		say(w, http.StatusMethodNotAllowed, "this is not a forward proxy")
		return
	}
	if forPages(in.Host) {
		w.Header().Set("Connection", "close")
		say(w, http.StatusMisdirectedRequest, slipway.PagesHost+" is where Slipway's own pages are; this is a service: use another name, such as localhost")
		return
	}
	defer r.open.Add(-1)
	if r.open.Add(1) > r.most {
		r.turnAway(w, in, c)
		return
	}
	if why := misdirected(in, c); why != "" {
		say(w, http.StatusMisdirectedRequest, why)
		return
	}
	if in.ContentLength > r.mostBody {
		say(w, http.StatusRequestEntityTooLarge, r.tooLarge())
		return
	}
	f := r.choose(in, c)
	if f == nil {
		r.refuse(w, in, c)
		return
	}
	f.writer = http.NewResponseController(w)
	defer r.end(f)
	if in.ProtoMajor == 1 {
		_ = f.writer.EnableFullDuplex() // an answer may begin before its request ends
	} else {
		in.Body = http.MaxBytesReader(w, in.Body, r.mostBody) // of HTTP/1.1 the gate sees to that
	}
	r.proxy.ServeHTTP(answerWriter{w, f}, f.request())
	f.completed = true
}

// end counts what became of a request, and gives back what it held.
func (r *Router) end(f *flight) {
	f.ended = time.Now()
	r.count(f)
	if f.in.ProtoMajor == 1 {
		f.client.sending.Store(f.completed && f.in.ContentLength != 0)
		if !f.completed {
			_ = f.client.SetLinger(0) // a broken answer must not look whole, even where the end of the connection is its end
		}
	}
	f.land()
	f.endpoint.release(f)
}

// choose acquires an instance for a request: by weight a group, in it the
// instance with the fewest requests. It returns nil when none can serve.
func (r *Router) choose(in *http.Request, c *client) *flight {
	counted := false
	for {
		route := r.table.Load().lead(in.Host, c)
		if route == nil {
			return nil
		}
		if !counted {
			route.traffic.enter()
			counted = true
		}
		g, cookie, drawn := route.visit(in)
		if g == nil {
			route.traffic.errors.Add(1)
			return nil
		}
		now := time.Now()
		at := g.least(nil, now)
		e := g.endpoints[at]
		f := &flight{in: in, client: c, route: route, group: g.id, endpoint: e, cookie: cookie, began: now}
		if drawn && in.Header.Get(retryHeader) == "" {
			f.arm = g.arm(at)
		}
		if e.acquire(f) {
			return f
		}
		// It left between the look at the table and now: a newer table is there.
	}
}

// refuse answers when no instance can.
func (r *Router) refuse(w http.ResponseWriter, in *http.Request, c *client) {
	route := r.table.Load().lead(in.Host, c)
	if route == nil {
		nowhere(w, in, c)
		return
	}
	w.Header().Set("Retry-After", "1")
	r.recordRefusal(in, c, route, http.StatusServiceUnavailable)
	say(w, http.StatusServiceUnavailable,
		fmt.Sprintf("no instance of %s is ready in %s", route.Target.Service, route.Target.Environment))
}

// newProxy sets up the forwarding itself. Its transport is the Router, which
// never sends anything twice.
func (r *Router) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     r,
		FlushInterval: -1,
		BufferPool:    buffers,
		ErrorLog:      slog.NewLogLogger(r.log.Handler(), slog.LevelDebug),
		ModifyResponse: func(res *http.Response) error {
			f := flightOf(res.Request)
			f.answered(res.StatusCode)
			if code := grpcCode(res); code != 0 {
				f.meant = code
			}
			if goesOn(res) {
				f.endpoint.settle(f, time.Now())
			}
			f.headOnly = res.ContentLength == 0
			if len(res.Trailer) > 0 {
				res.Header.Del("Content-Length") // HTTP/1.1 has trailers after chunks only
			}
			refuseSession(res.Header)
			if f.cookie != nil {
				res.Header.Add("Set-Cookie", f.cookie.String())
			}
			return nil
		},
		ErrorHandler: r.fail,
	}
}

// lastWriter says with every answer of a process that leaves that it is the last
// of its connection; HTTP/2 says it with GOAWAY. What is no answer yet, or begins
// another protocol, says nothing of an end.
type lastWriter struct {
	http.ResponseWriter
	hall *hall
}

func (w lastWriter) WriteHeader(code int) {
	if code >= http.StatusOK && w.hall.leaving.Load() {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for a controller.
func (w lastWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answerWriter is where the proxy writes an answer. The proxy flushes a head at
// once; one that nothing follows is left to go out with its end, for over HTTP/2
// they are one frame then, and gRPC takes a failure in no other way.
type answerWriter struct {
	http.ResponseWriter
	flight *flight
}

// FlushError implements what [http.ResponseController] looks for.
func (w answerWriter) FlushError() error {
	if w.flight.headOnly {
		return nil
	}
	return w.flight.writer.Flush()
}

// Unwrap is for everything else that a controller does.
func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rewrite tells the instance who asked, in words that the client cannot choose.
// The proxy has removed hop-by-hop fields before, so no Connection field can
// name what is set here.
func rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme, p.Out.URL.Host = "http", p.In.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // as it came: the instance reads it, we do not
	proto := "http"
	if p.In.TLS != nil {
		proto = "https"
	}
	tell(p.Out.Header, clientOf(p.In).from, p.In.Host, proto)
	flightOf(p.In).trace = traceID(p.Out.Header.Get("Traceparent"))
	keepSession(p.Out.Header)
	flightOf(p.In).route.hideVisit(p.Out.Header)
	if strings.EqualFold(p.Out.Header.Get("Upgrade"), "h2c") {
		p.Out.Header.Del("Upgrade") // many requests in one, of which we would see the first
		p.Out.Header.Del("Connection")
		p.Out.Header.Del("Http2-Settings")
	}
}

// fail answers for an instance that did not.
func (r *Router) fail(w http.ResponseWriter, req *http.Request, err error) {
	f := flightOf(req)
	if client, ok := errors.AsType[*clientError](err); ok {
		r.log.Debug("request broken off", "target", f.route.Target, "error", client)
		why := f.client.front.gate.broken.Load()
		_, large := errors.AsType[*http.MaxBytesError](err)
		switch {
		case why != nil:
		case large:
			why = &refusal{http.StatusRequestEntityTooLarge, r.tooLarge()}
		case errors.Is(err, os.ErrDeadlineExceeded):
			why = &refusal{http.StatusRequestTimeout, "nothing of the request's body came for two minutes"}
		default:
			why = &refusal{http.StatusBadRequest, "the request could not be read to its end"}
		}
		f.status = why.code
		if req.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		say(w, why.code, why.text)
		return
	}
	if f.clientGone() && !f.wasCut() {
		panic(http.ErrAbortHandler)
	}
	f.failed = true
	v := r.verdict(f, err)
	f.status = v.code
	if v.wait {
		w.Header().Set("Retry-After", "1")
	}
	if v.last && req.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	say(w, v.code, v.text)
}

// verdict is what a client is told of a failure.
type verdict struct {
	code int
	text string
	wait bool // and then come again
	last bool // its connection ends
}

func (r *Router) verdict(f *flight, err error) verdict {
	r.log.Debug("request failed", "target", f.route.Target, "instance", f.endpoint.Instance, "error", err)
	_, unsent := errors.AsType[*unsentError](err)
	f.broke = !unsent && !f.wasCut()
	switch {
	case !unsent || f.wasCut():
		f.fault = f.loss()
	case !isOurs(err):
		f.fault = notConnected
	}
	switch {
	case f.quiet.Load():
		return verdict{code: 504, text: "the instance said nothing for an hour; it may have done what was asked"}
	case f.wasCut() && unsent:
		return verdict{code: 503, text: "the instance left before it took a connection; nothing was sent to it", wait: true, last: true}
	case f.wasCut():
		return verdict{code: 504, text: "the instance left before it had answered; it may have done what was asked", last: true}
	case unsent && isOverload(err):
		return verdict{code: 503, text: "the instance took no connection in time; nothing was sent to it", wait: true}
	case unsent:
		return verdict{code: 502, text: "the instance could not be reached; nothing was sent to it", wait: true}
	}
	return verdict{code: 502, text: "the instance broke off before it had answered; it may have done what was asked"}
}

func say(w http.ResponseWriter, code int, text string) {
	http.Error(w, text, code)
}

// bufferPool lends buffers for bodies.
type bufferPool struct{ sync.Pool }

var buffers = &bufferPool{sync.Pool{New: func() any { return new([32 << 10]byte) }}}

func (p *bufferPool) Get() []byte  { return p.Pool.Get().(*[32 << 10]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }
