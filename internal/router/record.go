package router

import (
	"bytes"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway/internal/router/access"
)

// record notes a request that has ended: in its release's meter, and in the
// access log if there is one.
func (r *Router) record(f *flight) {
	g := f.route.group(f.group)
	if g != nil && g.meter != nil {
		g.meter.observe(f.status, f.ended.Sub(f.began))
	}
	if r.config.Access == nil {
		return
	}
	e := access.Entry{
		Began: f.began, Took: f.ended.Sub(f.began), Target: f.route.Target, Instance: f.endpoint.Instance,
		Client: f.client.from, Status: f.status, Bytes: f.moved.Load(), Trace: f.trace, Preview: f.route.isPreview,
	}
	if g != nil {
		e.Release = g.release
	}
	if f.front != nil {
		h := &f.front.head
		e.Method, e.Path, e.Host = string(h.method), string(h.target), string(h.host)
	} else {
		e.Method, e.Path, e.Host = f.in.Method, f.in.URL.EscapedPath(), f.in.Host
	}
	r.config.Access.Add(e)
}

// recordRefusal notes a request that no instance took.
func (r *Router) recordRefusal(in *http.Request, c *client, route *route, status int) {
	if !route.isPreview {
		route.traffic.refused.Add(1)
	}
	if r.config.Access != nil {
		r.config.Access.Add(access.Entry{
			Began: time.Now(), Target: route.Target, Method: in.Method, Path: in.URL.EscapedPath(), Host: in.Host,
			Client: c.from, Status: status, Preview: route.isPreview,
		})
	}
}

// noteTrace remembers the trace that an instance is told of, when that is logged.
// A trace that the router began is the last field of the head so far.
func (f *front) noteTrace(head []byte, traced bool) {
	if f.router.config.Access == nil {
		return
	}
	if _, after, found := bytes.Cut(head, []byte("\r\nTraceparent: ")); found && !traced {
		f.flight.trace = traceID(string(after[:min(len(after), 3+32)]))
	}
	for _, d := range f.head.fields {
		if traced && d.kind == trace && is(d.name, "traceparent") {
			f.flight.trace = traceID(string(d.value))
		}
	}
}

// traceID is the trace in a traceparent field: 00-TRACE-SPAN-FLAGS.
func traceID(parent string) string {
	if len(parent) < 3+32 {
		return ""
	}
	return parent[3 : 3+32]
}
