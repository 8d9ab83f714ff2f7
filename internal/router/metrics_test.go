package router_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router"
	"github.com/slipway-cd/slipway/internal/router/access"
)

// measured starts a router anew that has metrics and an access log.
func (w *world) measured(log io.Writer) (metrics string) {
	w.Helper()
	w.stop()
	l := access.New(log, nil)
	r, err := router.New(router.Config{
		ID: "r1", Dir: w.dir, Server: w.server.URL, Token: "slr_r1", Hold: time.Second, Metrics: "127.0.0.1:0", Access: l,
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, written := make(chan error, 1), make(chan struct{})
	go func() { done <- r.Run(ctx) }()
	go func() { defer close(written); l.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
		<-written
		w.stop = func() {}
	}
	var about router.About
	w.eventually("it tells where its metrics are", func() bool {
		text, err := os.ReadFile(filepath.Join(w.dir, "router.json"))
		return err == nil && json.Unmarshal(text, &about) == nil && about.Metrics != ""
	})
	return about.Metrics
}

func TestWhatIsCountedAndLogged(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	metrics := w.measured(&log)
	good := w.start(nil)
	bad := w.start(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	share := func(g slipway.GroupID, release int, i *instance) slipway.Share {
		return slipway.Share{Group: g, Release: release, Weight: slipway.All, Endpoints: endpoints(i)}
	}
	w.acknowledged(w.shares(time.Second, share("g1", 13, good)))
	const trace = "0af7651916cd43dd8448eb211c80319c"
	ask := func(method, path string, body io.Reader) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), method, w.url()+path, body)
		req.Header.Set("Authorization", "Bearer s3cret")
		req.Header.Set("Cookie", "session=s3cret")
		req.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for range 3 {
		ask("GET", "/a?token=s3cret", nil)
	}
	ask("POST", "/stream", io.MultiReader(strings.NewReader("a"), strings.NewReader("b")))
	w.acknowledged(w.shares(time.Second, share("g2", 14, bad)))
	ask("GET", "/tea", nil)
	w.acknowledged(w.shares(time.Second))
	ask("GET", "/nobody", nil)

	const target = `service="thoughts-backend",environment="prod"`
	var text string
	var told []string
	w.eventually("all is counted", func() bool {
		res, err := http.Get(metrics)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		all, _ := io.ReadAll(res.Body)
		text, told = string(all), nil
		for line := range strings.Lines(text) {
			told = append(told, inOrder(strings.TrimSpace(line)))
		}
		return slices.ContainsFunc(told, answered("4xx", "1")) && slices.ContainsFunc(told, answered("2xx", "4"))
	})
	for _, line := range []string{
		`slipway_router_requests_total{` + target + `,release="13",code="2xx"} 4`,
		`slipway_router_requests_total{` + target + `,release="14",code="4xx"} 1`,
		`slipway_router_request_duration_seconds_count{` + target + `,release="13"} 4`,
		`slipway_router_request_duration_seconds_bucket{` + target + `,release="14",le="+Inf"} 1`,
		`slipway_router_requests_in_flight{` + target + `,release="13"} 0`,
		`slipway_router_refused_total{` + target + `} 1`,
		`slipway_router_lease_lapsed{` + target + `} 0`,
		`slipway_router_table_version 3`,
		"# TYPE slipway_router_request_duration_seconds histogram",
	} {
		if !slices.Contains(told, inOrder(line)) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v in\n%s", err, problems, text)
	}
	w.stop()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 6 || strings.Contains(log.String(), "s3cret") {
		t.Fatalf("%d lines:\n%s", len(lines), log.String())
	}
	for _, want := range []string{ // written when a request has ended, which its client may know before
		`"release":13,"instance":"` + string(good.id) + `","method":"GET","path":"/a","host":"127.0.0.1:`,
		`"method":"POST","path":"/stream"`,
		`"release":14,"instance":"` + string(bad.id) + `","method":"GET","path":"/tea"`,
		`"release":0,"method":"GET","path":"/nobody"`,
		`"status":503`, `"status":418`, `"status":200,"bytes":`,
	} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("no line with %s in\n%s", want, log.String())
		}
	}
	if n := strings.Count(log.String(), `"trace":"`+trace+`"`); n != 5 {
		t.Errorf("%d lines tell the trace:\n%s", n, log.String())
	}
}

// inOrder is a line of metrics with its labels in order: they may come in any.
func inOrder(line string) string {
	name, rest, _ := strings.Cut(line, "{")
	labels, value, found := strings.Cut(rest, "}")
	if !found {
		return line
	}
	all := strings.Split(labels, ",")
	slices.Sort(all)
	return name + "{" + strings.Join(all, ",") + "}" + value
}

func answered(class, times string) func(line string) bool {
	return func(line string) bool {
		return strings.Contains(line, `code="`+class+`"`) && strings.HasSuffix(line, "} "+times)
	}
}

func TestMetricsAreForThisMachine(t *testing.T) {
	for _, address := range []string{"0.0.0.0:9100", ":9100", "example.com:80", "127.0.0.1", "10.0.0.1:1"} {
		_, err := router.New(router.Config{ID: "r", Dir: t.TempDir(), Server: "http://a", Token: "t", Metrics: address})
		if slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%s: %v", address, err)
		}
	}
}
