package daemon

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func TestMetricsTellOfThePlacebo(t *testing.T) {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	web := slipway.TargetID{Service: "web", Environment: "prod"}
	for _, alarms := range []int{0, 1, 0} {
		if err := s.AddPlacebo(t.Context(), web, 1, alarms); err != nil {
			t.Fatal(err)
		}
	}
	l, err := openMetrics(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- exhibit(ctx, l, s, slog.New(slog.DiscardHandler)) }()
	res, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	for _, line := range []string{`slipway_placebo_trials_total{environment="prod",service="web"} 3`, `slipway_placebo_alarms_total{environment="prod",service="web"} 1`} {
		if err != nil || !strings.Contains(string(text), line+"\n") {
			t.Errorf("no %s in %s, %v", line, text, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestMetricsAreForThisMachine(t *testing.T) {
	if l, err := openMetrics(t.Context(), ""); l != nil || err != nil {
		t.Errorf("none were wanted: %v, %v", l, err)
	}
	for _, address := range []string{"0.0.0.0:0", ":9100", "10.0.0.1:9100", "localhost", "127.0.0.1"} {
		if _, err := openMetrics(t.Context(), address); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%s: %v", address, err)
		}
	}
}
