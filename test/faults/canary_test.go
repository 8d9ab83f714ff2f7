package faults_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// lies are versions that pass every probe, and serve badly.
var lies = []struct{ name, wrong string }{
	{"hangs", "1:hang"},
	{"refuses everybody", "1:401"},
	{"breaks off", "1:reset"},
	{"hangs now and then", "0.1:hang"},
	{"errs now and then", "0.05:500"},
}

const canary = "strategy: canary, canary: { weights: [10%, 50%], hold: 1s, bake: 0s, keep_old: 0s }"

// TestLyingCanary deploys versions that are well by their probes, and answer
// nobody as they should: none of them is promoted. Two routers count, one of whose
// reports are heard twice and late: that is no evidence, neither for nor against,
// and a version that is as good as the one before is promoted all the same.
func TestLyingCanary(t *testing.T) {
	w := raise(t, yard.Options{})
	w.excused = doneWrong
	as := func(rollout, wrong string) yard.Version {
		return yard.Version{Service: "gauge", Rollout: rollout, Env: map[string]string{"GAUGE_TAKES": "20ms", "GAUGE_WRONG": wrong}}
	}
	versions := []yard.Version{as("strategy: rolling", "")}
	for _, l := range lies {
		versions = append(versions, as(canary, l.wrong))
	}
	w.publish(append(versions, as(canary, ""))...)
	w.deploy("gauge", 1)
	echo, err := yard.LayEcho(w.Address())
	w.must(err)
	t.Cleanup(echo.End)
	_, err = w.AnotherRouter(t.Context(), "second", "127.0.0.2", echo.Address())
	w.must(err)
	first := w.url("gauge")
	second := strings.Replace(strings.Replace(first, "127.0.0.1", "127.0.0.2", 1), "localhost", "127.0.0.2", 1)
	w.eventually(10*time.Second, func() error { return dials(strings.TrimPrefix(second, "http://")) })
	for _, url := range []string{first, second} {
		w.loads = append(w.loads, load.Start(rate, []load.Aim{{Visitor: load.Get(url + "/"), Share: 9}, {Visitor: load.Post(url+"/echo", 2_000), Share: 1}}))
	}
	sleep(2 * time.Second) // so that it is known how fast it answers

	short := len(lies) - 2
	for n, l := range lies {
		if n >= short && !full {
			break
		}
		asked := time.Now()
		d := w.ask("gauge", n+2)
		if n == 0 { // the next server judges by the same counts
			w.eventually(10*time.Second, func() error { return w.weighted(d.ID) })
			w.killServer()
		}
		w.ends(d.ID, "rolled_back")
		w.serves("gauge", 1)
		w.Logf("%s: sent back after %.1f s", l.name, time.Since(asked).Seconds())
	}
	if full {
		asked := time.Now()
		d := w.ask("gauge", len(lies)+2)
		for !d.Ended && time.Since(asked) < 4*time.Minute { // on a busy machine it takes more to be sure
			sleep(time.Second)
			if now, err := w.Client.Deployment(t.Context(), d.ID); err == nil {
				d = now
			}
		}
		w.ends(d.ID, "succeeded")
		w.Logf("an equal one: promoted after %.1f s", time.Since(asked).Seconds())
	}
	if n := echo.Again(); n == 0 {
		t.Error("no report was heard twice")
	} else {
		w.note("%d reports heard again", n)
	}
}

// weighted waits for a canary to have traffic.
func (w *world) weighted(id int64) error {
	d, err := w.Client.Deployment(w.Context(), id)
	if err == nil && d.Weight == 0 {
		err = errors.New("it has no traffic yet")
	}
	return err
}

// doneWrong is what a version did wrong itself to a request that was lost; "" when
// it was not that.
func doneWrong(l load.Loss) string {
	for _, own := range []string{"cannot think", "answered 502 by", "answered 504 by", "no answer"} {
		if strings.Contains(l.Why, own) {
			return own
		}
	}
	return ""
}
