package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

var (
	placeboLabels = []string{"service", "environment"}
	placeboTrials = prometheus.NewDesc("slipway_placebo_trials_total", "Trials of a random part of the requests beside the rest that have ended.", placeboLabels, nil)
	placeboAlarms = prometheus.NewDesc("slipway_placebo_alarms_total", "Those of them in which the part was taken for worse: at most one of a hundred is to be expected.", placeboLabels, nil)
)

// metrics shows Prometheus what the database counts, when it asks.
type metrics struct{ store *store.Store }

// Describe tells which metrics there are.
func (metrics) Describe(to chan<- *prometheus.Desc) { to <- placeboTrials; to <- placeboAlarms }

// Collect reads them.
func (m metrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	all, err := m.store.Placebos(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(placeboTrials, err)
		return
	}
	for _, p := range all {
		labels := []string{string(p.Target.Service), string(p.Target.Environment)}
		to <- prometheus.MustNewConstMetric(placeboTrials, prometheus.CounterValue, float64(p.Trials), labels...)
		to <- prometheus.MustNewConstMetric(placeboAlarms, prometheus.CounterValue, float64(p.Alarms), labels...)
	}
}

const (
	metricsTimeout = 5 * time.Second
	metricsReaders = 4 // at once
)

// metricsEnv is where the server shows metrics, for units that read their variables
// from a file; the flag --metrics goes before it.
const metricsEnv = "SLIPWAY_METRICS"

func metricsFlag(c *cobra.Command, address *string) {
	c.Flags().StringVar(address, "metrics", os.Getenv(metricsEnv), "127.0.0.1:PORT where Prometheus reads the server's metrics, under /metrics")
}

// checkMetrics returns Invalid for what is no address on loopback.
func checkMetrics(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return slipway.Errorf(slipway.Invalid, "--metrics: %q is no address on loopback with a port", address).Do("write 127.0.0.1:PORT")
	}
	return nil
}

// openMetrics opens the address for metrics, on loopback only: they tell names of
// everything. It is nil when none is wanted.
func openMetrics(ctx context.Context, address string) (net.Listener, error) {
	if err := checkMetrics(address); address == "" || err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, slipway.Errorf(slipway.Conflict, "metrics cannot be served at %s: %w", address, err).Do("choose another address: --metrics 127.0.0.1:PORT")
	}
	return l, nil
}

// exhibit serves the metrics at l until ctx ends.
func exhibit(ctx context.Context, l net.Listener, s *store.Store, log *slog.Logger) error {
	all := prometheus.NewRegistry()
	all.MustRegister(metrics{s})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, DisableCompression: true, MaxRequestsInFlight: metricsReaders,
	}))
	web := &http.Server{Handler: mux, ReadHeaderTimeout: metricsTimeout, WriteTimeout: 2 * metricsTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	log.Info("metrics are shown", "url", "http://"+l.Addr().String()+"/metrics")
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
