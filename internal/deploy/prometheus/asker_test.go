package prometheus_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	client "github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
	"github.com/slipway-cd/slipway/internal/deploy/prometheus"
	"github.com/slipway-cd/slipway/internal/outbound"
	"github.com/slipway-cd/slipway/internal/prometheustest"
)

var shop = slipway.TargetID{Service: "shop", Environment: "prod"}

func asker(t *testing.T, reach string) *prometheus.Asker {
	t.Helper()
	r, err := outbound.Parse(reach)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Client()
	t.Cleanup(c.CloseIdleConnections)
	return prometheus.New(c)
}

// orders asks a server for the counters of the shop.
func orders(server string) slipway.Query {
	return slipway.Query{
		Name: "orders", Prometheus: server,
		Failed: `orders_total{release="$release",service="$service",environment="$environment",how="failed"} # by the shop`,
		All:    `orders_total{release="$release",service="$service"}`,
	}
}

// instance is one of the shop, with the counters that it is asked for.
type instance struct{ orders *client.CounterVec }

func open(t *testing.T, p *prometheustest.Server, name string) *instance {
	t.Helper()
	i := &instance{client.NewCounterVec(client.CounterOpts{Name: "orders_total"}, []string{"service", "environment", "release", "how"})}
	all := client.NewRegistry()
	all.MustRegister(i.orders)
	s := httptest.NewServer(promhttp.HandlerFor(all, promhttp.HandlerOpts{}))
	t.Cleanup(s.Close)
	p.Target(name, strings.TrimPrefix(s.URL, "http://"))
	return i
}

func (i *instance) order(service, release, how string, n float64) {
	i.orders.WithLabelValues(service, "prod", release, how).Add(n)
}

// sums are what an answer comes to.
func sums(a evidence.Answer) string {
	sum := func(m map[string]float64) (n float64) {
		for v := range maps.Values(m) {
			n += v
		}
		return n
	}
	return fmt.Sprintf("%g/%g against %g/%g, of %d and %d", sum(a.Canary.Failed), sum(a.Canary.All), sum(a.Baseline.Failed), sum(a.Baseline.All),
		len(a.Canary.All), len(a.Baseline.All))
}

// until asks until an answer comes to something.
func until(t *testing.T, a *prometheus.Asker, q slipway.Query, want string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answers := a.Ask(t.Context(), shop, 15, 14, []slipway.Query{q})
		if len(answers) == 1 && answers[0].Why == "" && answers[0].Name == "orders" && sums(answers[0]) == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v; want %s", answers, want)
		}
	}
}

// TestAsk asks a real server, which asks real instances.
func TestAsk(t *testing.T) {
	p := prometheustest.New(t)
	p.Start()
	a, q := asker(t, "loopback"), orders(p.URL)
	until(t, a, q, "0/0 against 0/0, of 0 and 0")
	first, second := open(t, p, "first"), open(t, p, "second")
	first.order("shop", "14", "done", 90)
	second.order("shop", "14", "done", 40)
	first.order("mall", "14", "failed", 7)
	until(t, a, q, "0/0 against 0/130, of 0 and 2")
	second.order("shop", "15", "done", 8)
	second.order("shop", "15", "failed", 2)
	second.order("shop", "1", "failed", 70)
	first.order("shop", "14", "failed", 1)
	until(t, a, q, "2/10 against 1/131, of 2 and 3")

	alone := a.Ask(t.Context(), shop, 15, 0, []slipway.Query{q})[0]
	if alone.Why != "" || sums(alone) != "2/10 against 0/0, of 2 and 0" {
		t.Errorf("%+v", alone)
	}
	for wrong, why := range map[string]string{
		"orders_total{":               "it says: invalid parameter \"query\": 5:1: parse error",
		"orders_total[5m]":            "it says: ",
		"time()":                      "it says: ",
		"orders_total * NaN":          "a counter cannot be at NaN",
		"orders_total - 1000":         "a counter cannot be at -",
		"orders_total / 0":            "a counter cannot be at +Inf",
		"label_replace(up, 1)":        "it says: ",
		"absent(a) or absent(b) or 1": "it says: ",
	} {
		q := q
		q.All = wrong
		if got := a.Ask(t.Context(), shop, 15, 14, []slipway.Query{q})[0]; !strings.HasPrefix(got.Why, p.URL+": "+why) {
			t.Errorf("%s: %+v", wrong, got)
		}
	}
	p.Stop()
	if got := a.Ask(t.Context(), shop, 15, 14, []slipway.Query{q})[0]; got.Why != p.URL+" does not answer: connection refused" {
		t.Errorf("%+v", got)
	}
}

// TestACounterOfFailures asks for one that is there, was there, has begun with no
// release yet, or never will be.
func TestACounterOfFailures(t *testing.T) {
	p := prometheustest.New(t)
	p.Start()
	a, right, began := asker(t, "loopback"), orders(p.URL), time.Now()
	ours, theirs := open(t, p, "shop"), open(t, p, "mall")
	ours.order("shop", "14", "done", 90)
	ours.order("shop", "15", "done", 10)
	theirs.order("mall", "15", "failed", 1)
	until(t, a, right, "0/10 against 0/90, of 1 and 1")
	asked := func(failed string) evidence.Answer {
		q := right
		q.Failed = failed
		return a.Ask(t.Context(), shop, 15, 14, []slipway.Query{q})[0]
	}
	const (
		name = `orders_total{release="$release",service="$service",how="failed"}`
		zero = " or 0 * " + `orders_total{release="$release",service="$service",how="done"}`
	)
	if got := asked(name); !got.Unheard || got.Why != "" {
		t.Errorf("before anything has failed: %+v", got)
	}
	if got := asked(name + zero); got.Unheard || got.Why != "" || sums(got) != "0/10 against 0/90, of 1 and 1" || len(got.Canary.Failed) != 1 {
		t.Errorf("as 0: %+v", got)
	}
	ours.order("shop", "9", "failed", 1)
	for end := time.Now().Add(20 * time.Second); asked(name).Unheard; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the failure of another release is not seen")
		}
	}
	for failed, unheard := range map[string]bool{
		`orders_total{ release =~ '$release' , service="shop", how="failed" } # release="$release"`:            false,
		"sum by (instance) (orders_total{release=`$release`,how='failed',service!='$release',service='shop'})": false,
		`orders_total{release="$release",service="shop",how="fialed"}`:                                         true,
		`oders_total{release="$release",how="failed"}`:                                                         true,
		`orders_total{version="$release",how="failed"}`:                                                        true,
		`orders_total{release!="$release",service="nobody"}`:                                                   true,
		`failed_orders_of_$release or failed_$release{how="$release"}`:                                         true,
	} {
		if got := asked(failed); got.Unheard != unheard || got.Why != "" || len(got.Canary.Failed)+len(got.Baseline.Failed) > 0 {
			t.Errorf("%s: %+v", failed, got)
		}
	}

	ours.order("yard", "14", "done", 10)
	before := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "orders_total{service=\"yard\",release=\"9\",how=\"failed\"} 1 %d\n", began.Add(-20*time.Minute).UnixMilli())
	}))
	defer before.Close()
	p.Target("before", strings.TrimPrefix(before.URL, "http://"))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		q := right
		q.Failed = name
		got := a.Ask(t.Context(), slipway.TargetID{Service: "yard", Environment: "prod"}, 15, 14, []slipway.Query{q})[0]
		if len(got.Baseline.All) > 0 && !got.Unheard && got.Why == "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("what failed a while ago is not seen: %+v", got)
		}
	}
}

// A question about a week is not asked as often as one about now.
func TestTheWeekIsAskedForSeldom(t *testing.T) {
	var weeks, all atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if all.Add(1); strings.Contains(r.FormValue("query"), "[7d:5m]") {
			weeks.Add(1)
			say(`{"status":"success","data":{"resultType":"vector","result":[]}}`)(w, r)
			return
		}
		say(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"slipway_counts":"canary_all"},"value":[1,"1"]}]}}`)(w, r)
	}))
	defer s.Close()
	a := asker(t, "loopback")
	for range 5 {
		if got := a.Ask(t.Context(), shop, 15, 14, []slipway.Query{orders(s.URL)})[0]; !got.Unheard || got.Why != "" {
			t.Fatalf("%+v", got)
		}
	}
	if weeks.Load() != 1 || all.Load() != 6 {
		t.Errorf("of %d questions, %d were about a week", all.Load(), weeks.Load())
	}
}

func TestOneReleaseIsNotComparedWithItself(t *testing.T) {
	got := asker(t, "none").Ask(t.Context(), shop, 14, 14, []slipway.Query{orders("http://127.0.0.1:1")})
	if len(got) != 1 || got[0].Why != "both groups run release 14, which $release cannot tell apart" {
		t.Errorf("%+v", got)
	}
}

// TestServersThatAreNone asks what is no Prometheus server, or none that may be
// asked.
func TestServersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"a page":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome")) }, "it does not answer as Prometheus does"},
		"nothing":  {func(http.ResponseWriter, *http.Request) {}, "it does not answer as Prometheus does"},
		"a secret": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "token=1234", http.StatusForbidden) }, "it answers 403 Forbidden"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, "it answers 302 Found"},
		"another question": {say(`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`), "it does not answer as Prometheus does"},
		"unmarked":         {say(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`), "it does not answer as Prometheus does"},
		"a histogram":      {say(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"slipway_counts":"canary_all"},"histogram":[1,{}]}]}}`), "it does not answer as Prometheus does"},
		"half of it":       {say(`{"status":"success","warnings":["a store is away\u001b[2J"],"data":{"resultType":"vector","result":[]}}`), "it does not know all: a store is away [2J"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", 2<<20)))
		}, "its answer is larger than 1 MiB"},
		"many": {func(w http.ResponseWriter, _ *http.Request) {
			var all []string
			for n := range 101 {
				all = append(all, fmt.Sprintf(`{"metric":{"slipway_counts":"canary_all","n":"%d"},"value":[1,"1"]}`, n))
			}
			_, _ = fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, strings.Join(all, ","))
		}, "it finds more than 100 counters of one release: add them up with sum by (instance)"},
	} {
		s := httptest.NewServer(c.answer)
		if got := asker(t, "loopback").Ask(t.Context(), shop, 15, 14, []slipway.Query{orders(s.URL)})[0]; got.Why != s.URL+": "+c.why || got.Canary.All != nil {
			t.Errorf("%s: %+v", name, got)
		}
		s.Close()
	}
	for server, why := range map[string]string{
		"http://127.0.0.1:9090":      "cannot be asked: 127.0.0.1 is not public, and the server may not ask it; whoever runs the server can let it: slipway up --reach 127.0.0.1",
		"http://169.254.169.254":     "cannot be asked: 169.254.169.254 may not be asked for by anybody",
		"http://slipway.invalid":     "is not known: no such host",
		"http://[::ffff:127.0.0.1]/": "cannot be asked: 127.0.0.1 is not public",
	} {
		if got := asker(t, "none").Ask(t.Context(), shop, 15, 14, []slipway.Query{orders(server)})[0]; !strings.HasPrefix(got.Why, server+" "+why) {
			t.Errorf("%+v", got)
		}
	}
}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// TestServersThatHang asks many times as much at once as is let out, of a server
// that never answers.
func TestServersThatHang(t *testing.T) {
	var now, most atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-r.Context().Done()
		now.Add(-1)
	}))
	defer s.Close()
	a, began := asker(t, "loopback"), time.Now()
	answers := a.Ask(t.Context(), shop, 15, 14, slices.Repeat([]slipway.Query{orders(s.URL)}, 40))
	if took := time.Since(began); took > prometheus.Timeout+time.Second {
		t.Errorf("it took %s", took)
	}
	if most.Load() > 8 {
		t.Errorf("%d questions at once", most.Load())
	}
	waited := 0
	for _, a := range answers {
		switch a.Why {
		case s.URL + " does not answer within 2s":
			waited++
		case "too much is asked at once":
		default:
			t.Errorf("%+v", a)
		}
	}
	if waited == 0 || waited > 8 {
		t.Errorf("%d questions were out", waited)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if began := time.Now(); a.Ask(ctx, shop, 15, 14, []slipway.Query{orders(s.URL)})[0].Why == "" || time.Since(began) > time.Second {
		t.Errorf("after %s", time.Since(began))
	}
}

// A name cannot mean anything to PromQL: nobody can have a service that asks for
// something else.
func TestNamesMeanNothing(t *testing.T) {
	for c := range 256 {
		name := "a" + string(rune(c)) + "a"
		ok := slipway.ServiceName(name).Validate() == nil
		if plain := c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z'; ok != plain {
			t.Errorf("%q can name a service: %v", name, ok)
		}
	}
}
