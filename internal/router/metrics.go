package router

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// exhibition shows Prometheus what a router counts. It reads the counters that
// requests add to only when somebody asks: a request meets none of Prometheus.
type exhibition struct{ router *Router }

var (
	ofTarget  = []string{"service", "environment"}
	ofRelease = []string{"service", "environment", "release"}

	tableVersion = describe("table_version", "Version of the route table in effect.")
	serverHeard  = describe("server_heard_timestamp_seconds", "When the server was heard last; absent before the first time.")
	inFlight     = describe("requests_in_flight", "Requests, streams and tunnels under way.", ofRelease...)
	requests     = describe("requests_total", "Requests that were sent to an instance, by the class of the answer; none: it did not come.",
		append(ofRelease, "code")...)
	durations = describe("request_duration_seconds", "From the head of a request to the end of its answer.", ofRelease...)
)

// perTarget are what is told of each target.
var perTarget = []struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*route) float64
}{
	{describe("refused_total", "Requests that no instance was ready for, or that there was no room for.", ofTarget...),
		prometheus.CounterValue, func(r *route) float64 { return float64(r.traffic.refused.Load()) }},
	{describe("retries_total", "Second attempts, of requests of which the first had sent nothing.", ofTarget...),
		prometheus.CounterValue, func(r *route) float64 { return float64(r.traffic.retried.Load()) }},
	{describe("ejections_total", "Times that an instance was passed over for a while, as it did not take a connection.", ofTarget...),
		prometheus.CounterValue, func(r *route) float64 { return float64(r.traffic.ejected.Load()) }},
	{describe("lease_lapsed", "1 while weights that were lent have lapsed and the fallback has all traffic.", ofTarget...),
		prometheus.GaugeValue, func(r *route) float64 { return number(r.lapsed()) }},
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName("slipway", "router", name), help, labels, nil)
}

// Describe tells which metrics there are.
func (x exhibition) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{tableVersion, serverHeard, inFlight, requests, durations} {
		to <- d
	}
	for _, m := range perTarget {
		to <- m.desc
	}
}

// Collect tells what is counted so far.
func (x exhibition) Collect(to chan<- prometheus.Metric) {
	r, live := x.router, x.router.table.Load()
	to <- sample(tableVersion, prometheus.GaugeValue, float64(live.version))
	if last := r.contact.last.Load(); last != 0 {
		heard := time.Now().Add(-time.Duration(bootClock() - last))
		to <- sample(serverHeard, prometheus.GaugeValue, float64(heard.UnixNano())/1e9)
	}
	for id, route := range live.routes {
		for _, m := range perTarget {
			to <- sample(m.desc, m.kind, m.read(route), string(id.Service), string(id.Environment))
		}
	}
	under := r.underWay()
	for _, m := range r.meters.list() {
		to <- sample(inFlight, prometheus.GaugeValue, float64(under[meterKey{m.target, m.release}]), m.labels()...)
		m.collect(to)
	}
}

func (m *meter) collect(to chan<- prometheus.Metric) {
	for class := range m.codes {
		if n := m.codes[class].Load(); n > 0 {
			to <- sample(requests, prometheus.CounterValue, float64(n), append(m.labels(), className(class))...)
		}
	}
	total, below := uint64(0), make(map[float64]uint64, len(buckets))
	for i, most := range buckets {
		total += m.buckets[i].Load()
		below[most] = total
	}
	total += m.slower.Load()
	h, err := prometheus.NewConstHistogram(durations, total, float64(m.nanos.Load())/1e9, below, m.labels()...)
	to <- valid(h, err, durations)
}

func sample(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) prometheus.Metric {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	return valid(m, err, d)
}

// valid is m, or what tells its reader what is wrong with it: a router does not
// fall over a number.
func valid(m prometheus.Metric, err error, d *prometheus.Desc) prometheus.Metric {
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return m
}

func (m *meter) labels() []string {
	return []string{string(m.target.Service), string(m.target.Environment), strconv.Itoa(m.release)}
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

// mostReaders is how many may read metrics at once.
const mostReaders = 4

// exhibit serves the metrics at l until ctx ends.
func (r *Router) exhibit(ctx context.Context, l net.Listener) {
	all := prometheus.NewRegistry()
	all.MustRegister(exhibition{r})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, DisableCompression: true, MaxRequestsInFlight: mostReaders,
	}))
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTimeout, WriteTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: mostInHeader,
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		r.log.Error("metrics are served no more", "error", err)
	}
}
