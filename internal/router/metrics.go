package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Metrics are written in Prometheus's text format, by hand: some lines of it cost
// a router less than a library that gathers them.

// exposition is what a reader of metrics gets.
type exposition struct{ strings.Builder }

// family begins the metrics of one name.
func (x *exposition) family(name, kind, help string) {
	_, _ = fmt.Fprintf(x, "# HELP slipway_router_%s %s\n# TYPE slipway_router_%s %s\n", name, help, name, kind)
}

// sample writes one value. Labels are names and values in turn; what they say is
// made of letters, digits and hyphens by the vocabulary, and quoted all the same.
func (x *exposition) sample(name string, v float64, labels ...string) {
	_, _ = x.WriteString("slipway_router_" + name)
	for i := 0; i+1 < len(labels); i += 2 {
		mark := ","
		if i == 0 {
			mark = "{"
		}
		_, _ = x.WriteString(mark + labels[i] + `="` + quoted.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		_ = x.WriteByte('}')
	}
	_, _ = x.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
}

var quoted = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// expose writes all that is counted.
func (r *Router) expose() string {
	x := new(exposition)
	live := r.table.Load()
	x.family("table_version", "gauge", "Version of the route table in effect.")
	x.sample("table_version", float64(live.version))
	if last := r.contact.last.Load(); last != 0 {
		x.family("server_heard_seconds", "gauge", "Since the server was heard last; absent before the first time.")
		x.sample("server_heard_seconds", time.Duration(bootClock()-last).Seconds())
	}
	r.exposeTargets(x, live)
	r.exposeReleases(x)
	return x.String()
}

func (r *Router) exposeTargets(x *exposition, live *table) {
	ids := slices.SortedFunc(maps.Keys(live.routes), byName)
	for _, m := range []struct {
		name, kind, help string
		read             func(*route) float64
	}{
		{"refused_total", "counter", "Requests that no instance was ready for, or that there was no room for.",
			func(r *route) float64 { return float64(r.traffic.refused.Load()) }},
		{"retries_total", "counter", "Second attempts, of requests of which the first had sent nothing.",
			func(r *route) float64 { return float64(r.traffic.retried.Load()) }},
		{"ejections_total", "counter", "Times that an instance was passed over for a while, as it did not take a connection.",
			func(r *route) float64 { return float64(r.traffic.ejected.Load()) }},
		{"lease_lapsed", "gauge", "1 while weights that were lent have lapsed and the fallback has all traffic.",
			func(r *route) float64 { return number(r.lapsed()) }},
	} {
		x.family(m.name, m.kind, m.help)
		for _, id := range ids {
			x.sample(m.name, m.read(live.routes[id]), "service", string(id.Service), "environment", string(id.Environment))
		}
	}
}

func (r *Router) exposeReleases(x *exposition) {
	all, under := r.meters.sorted(), r.underWay()
	x.family("requests_in_flight", "gauge", "Requests, streams and tunnels under way.")
	for _, m := range all {
		x.sample("requests_in_flight", float64(under[meterKey{m.target, m.release}]), m.labels()...)
	}
	x.family("requests_total", "counter", "Requests that were sent to an instance, by the class of the answer; none: it did not come.")
	for _, m := range all {
		for class := range m.codes {
			if n := m.codes[class].Load(); n > 0 {
				x.sample("requests_total", float64(n), append(m.labels(), "code", className(class))...)
			}
		}
	}
	x.family("request_duration_seconds", "histogram", "From the head of a request to the end of its answer.")
	for _, m := range all {
		m.expose(x)
	}
}

func (m *meter) expose(x *exposition) {
	const name = "request_duration_seconds"
	total := uint64(0)
	for i, most := range buckets {
		total += m.buckets[i].Load()
		x.sample(name+"_bucket", float64(total), append(m.labels(), "le", strconv.FormatFloat(most, 'g', -1, 64))...)
	}
	total += m.slower.Load()
	x.sample(name+"_bucket", float64(total), append(m.labels(), "le", "+Inf")...)
	x.sample(name+"_sum", float64(m.nanos.Load())/1e9, m.labels()...)
	x.sample(name+"_count", float64(total), m.labels()...)
}

func (m *meter) labels() []string {
	return []string{"service", string(m.target.Service), "environment", string(m.target.Environment), "release", strconv.Itoa(m.release)}
}

// underWay counts requests by release, at instances that have left as well.
func (r *Router) underWay() map[meterKey]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[meterKey]int{}
	for _, e := range r.endpoints {
		all[meterKey{e.target, r.releases[e]}] += e.inFlight()
	}
	return all
}

func className(class int) string {
	if class == 0 {
		return "none"
	}
	return strconv.Itoa(class) + "xx"
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// exhibit serves the metrics at l until ctx ends.
func (r *Router) exhibit(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte(r.expose())) // the reader went away
	})
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, WriteTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: mostInHeader,
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		r.log.Error("metrics are served no more", "error", err)
	}
}
