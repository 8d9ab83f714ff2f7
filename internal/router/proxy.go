package router

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// ServeHTTP routes one request by the port that it came in at.
func (r *Router) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	c := clientOf(in)
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
	f := r.choose(in, c)
	if f == nil {
		r.refuse(w, in, c)
		return
	}
	traffic := f.route.traffic
	completed := false
	defer func() {
		if f.failed || f.truncated && !f.clientGone() {
			traffic.errors.Add(1)
		}
		c.sending.Store(completed && in.ContentLength != 0)
		if !completed {
			_ = c.SetLinger(0) // a broken answer must not look whole, even where the end of the connection is its end
		}
		f.land()
		f.endpoint.release(f)
	}()
	if c.ambiguous(in) {
		w.Header().Set("Connection", "close")
	}
	_ = http.NewResponseController(w).EnableFullDuplex() // an answer may begin before its request ends
	r.proxy.ServeHTTP(w, f.request())
	completed = true
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
			route.traffic.requests.Add(1)
			route.traffic.retries.save()
			counted = true
		}
		g, cookie := route.visit(in)
		if g == nil {
			route.traffic.errors.Add(1)
			return nil
		}
		e := g.least(nil, time.Now())
		f := &flight{in: in, client: c, route: route, group: g.id, endpoint: e, cookie: cookie}
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
			if res.StatusCode >= http.StatusInternalServerError {
				flightOf(res.Request).failed = true
			}
			refuseSession(res.Header)
			if f := flightOf(res.Request); f.cookie != nil {
				res.Header.Add("Set-Cookie", f.cookie.String())
			}
			return nil
		},
		ErrorHandler: r.fail,
	}
}

// rewrite tells the instance who asked, in words that the client cannot choose.
// The proxy has removed hop-by-hop fields before, so no Connection field can
// name what is set here.
func rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme, p.Out.URL.Host = "http", p.In.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // as it came: the instance reads it, we do not
	for name := range p.Out.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip" {
			delete(p.Out.Header, name)
		}
	}
	p.SetXForwarded()
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
		w.Header().Set("Connection", "close")
		say(w, http.StatusBadRequest, "the request could not be read to its end")
		return
	}
	if f.clientGone() && !f.wasCut() {
		panic(http.ErrAbortHandler)
	}
	f.failed = true
	r.log.Debug("request failed", "target", f.route.Target, "instance", f.endpoint.Instance, "error", err)
	switch _, unsent := errors.AsType[*unsentError](err); {
	case f.wasCut() && unsent:
		w.Header().Set("Connection", "close")
		overloaded(w, "the instance left before it took a connection; nothing was sent to it")
	case f.wasCut():
		w.Header().Set("Connection", "close")
		say(w, http.StatusGatewayTimeout, "the instance left before it had answered; it may have done what was asked")
	case unsent && isOverload(err):
		overloaded(w, "the instance took no connection in time; nothing was sent to it")
	case unsent:
		w.Header().Set("Retry-After", "1")
		say(w, http.StatusBadGateway, "the instance could not be reached; nothing was sent to it")
	default:
		say(w, http.StatusBadGateway, "the instance broke off before it had answered; it may have done what was asked")
	}
}

func say(w http.ResponseWriter, code int, text string) {
	http.Error(w, text, code)
}

// bufferPool lends buffers for bodies.
type bufferPool struct{ sync.Pool }

var buffers = &bufferPool{sync.Pool{New: func() any { return new([32 << 10]byte) }}}

func (p *bufferPool) Get() []byte  { return p.Pool.Get().(*[32 << 10]byte)[:] }
func (p *bufferPool) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }
