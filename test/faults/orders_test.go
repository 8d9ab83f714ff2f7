package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/internal/prometheustest"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestLostOrders deploys what answers everybody well and loses orders, which only
// a Prometheus server knows: it goes back. Without that server nothing is said in
// favour of what is as good as before; when it is back, that is promoted. A manifest
// that asks for lost orders by a wrong name holds its canary, and one that aims the
// server at its cloud's secrets is told that nobody asks there.
func TestLostOrders(t *testing.T) {
	t.Parallel()
	p := prometheustest.New(t)
	p.Start()
	w := raise(t, yard.Options{})
	as := func(lost, server, counter string) yard.Version {
		orders := fmt.Sprintf(`{ name: orders, prometheus: %q, failed: '%s{release="$release",environment="$environment"}', all: 'orders_total{release="$release",service="$service"}' }`, server, counter)
		judged := "strategy: canary, canary: { weights: [50%], hold: 1s, bake: 0s, keep_old: 0s, evidence: { promote: { ratio: 2, margin: 5% }, latency: 300%, min_requests: 100, queries: [" + orders + "] } }"
		return yard.Version{Service: "gauge", Rollout: judged, Env: map[string]string{"GAUGE_ORDERS": lost, "GAUGE_TARGETS": p.Targets()}}
	}
	const right, wrong = "orders_lost_total", "orders_last_total"
	w.publish(as("0.01", p.URL, right), as("1", p.URL, right), as("0.01", p.URL, right), as("0.01", "http://169.254.169.254/latest/meta-data", right), as("0.01", p.URL, wrong))
	w.deploy("gauge", 1)
	w.loads = append(w.loads, load.Start(rate, []load.Aim{{Visitor: load.Get(w.url("gauge") + "/"), Share: 1}}))
	sleep(2 * time.Second)

	asked := time.Now()
	d := w.ends(w.ask("gauge", 2).ID, "rolled_back")
	why := ""
	for _, y := range d.Why {
		why += y.Text + "\n"
	}
	if !strings.Contains(why, "orders 100 % against") {
		t.Errorf("a person is told\n%s", why)
	}
	w.note("found after %.1f s", time.Since(asked).Seconds())

	p.Stop()
	id := w.ask("gauge", 3).ID
	w.eventually(40*time.Second, func() error { return w.says(id, "orders: "+p.URL+" does not answer: connection refused") })
	p.Start()
	w.ends(id, "succeeded")

	id = w.ask("gauge", 5).ID
	w.eventually(40*time.Second, func() error {
		return w.says(id, "orders: there is no counter of its failures, nor was one of any release lately")
	})
	_, err := w.Client.Abort(t.Context(), id)
	w.must(err)
	w.ends(id, "rolled_back")

	if full {
		id := w.ask("gauge", 4).ID
		w.eventually(40*time.Second, func() error { return w.says(id, "169.254.169.254 may not be asked for by anybody") })
		_, err := w.Client.Abort(t.Context(), id)
		w.must(err)
		w.ends(id, "rolled_back")
	}
}

// says waits for a gate to say something of a deployment.
func (w *world) says(id int64, words string) error {
	d, err := w.Client.Deployment(w.Context(), id)
	if err != nil {
		return err
	}
	for _, g := range d.Gates {
		if strings.Contains(g.Why, words) {
			return nil
		}
	}
	return fmt.Errorf("it is %s, and its gates say %+v", d.Phase, d.Gates)
}
