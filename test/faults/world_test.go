package faults_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// rate of the load, requests a second.
const rate = 200

// world is an installation under load.
type world struct {
	*testing.T
	*yard.Yard
	began    time.Time
	loads    []*load.Load
	outcomes map[string]int
	notes    []string
	excused  func(load.Loss) string // why a loss is nobody's fault; nil: none is
}

func raise(t *testing.T, o yard.Options) *world {
	t.Helper()
	y, err := tools.Raise(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, Yard: y, began: time.Now(), outcomes: map[string]int{}}
	t.Cleanup(w.end)
	return w
}

// end counts what was lost and takes everything down.
func (w *world) end() {
	for _, l := range w.loads {
		l.Stop()
	}
	r := row{fault: strings.TrimPrefix(w.Name(), "Test"), took: time.Since(w.began)}
	for _, l := range w.loads {
		r.requests += l.Sent()
		r.unsent += l.NotSent()
		for _, loss := range l.Losses() {
			if w.excused != nil && w.excused(loss) != "" {
				continue
			}
			if r.lost++; r.lost <= 20 {
				w.Errorf("lost at %s after %s: %s (%s)", loss.End.Format("15:04:05.000"), loss.End.Sub(loss.Began).Round(time.Millisecond), loss.Why, loss.ID)
			}
		}
	}
	if all, err := w.Accounts(); err != nil {
		w.Error(err)
	} else if n := yard.Doubled(all); n > 0 {
		w.Errorf("%d requests were done twice", n)
	}
	for _, phase := range slices.Sorted(maps.Keys(w.outcomes)) {
		w.note("%d %s", w.outcomes[phase], phase)
	}
	r.deployments = strings.Join(w.notes, ", ")
	summary.add(r)
	if w.Failed() {
		w.Logf("the logs and events of everything: %s", w.Keep())
	}
	if err := w.End(); err != nil {
		w.Error(err)
	}
}

// note adds to the last column of the table.
func (w *world) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// publish makes releases.
func (w *world) publish(versions ...yard.Version) {
	w.Helper()
	w.must(w.Publish(w.Context(), versions...))
}

// ask asks for a deployment. The server may be away for a while.
func (w *world) ask(service string, release int) api.Deployment {
	w.Helper()
	var d api.Deployment
	w.eventually(20*time.Second, func() (err error) {
		d, err = w.Deploy(w.Context(), service, release)
		return err
	})
	return d
}

// ends waits for a deployment to end in one of phases.
func (w *world) ends(id int64, phases ...string) api.Deployment {
	w.Helper()
	d, err := w.Await(w.Context(), id)
	w.must(err)
	w.outcomes[d.Phase]++
	if !slices.Contains(phases, d.Phase) {
		var why []string
		for _, y := range d.Why {
			why = append(why, y.At.Format("15:04:05.000 ")+y.Text)
		}
		w.Errorf("deployment %d of %s@%d (%s) is %s, not %v:\n%s", id, d.Service, d.Release, d.Strategy, d.Phase, phases, strings.Join(why, "\n"))
	}
	return d
}

// deploy deploys a release that has to succeed.
func (w *world) deploy(service string, release int) api.Deployment {
	w.Helper()
	return w.ends(w.ask(service, release).ID, "succeeded")
}

// press puts a service under the whole mix of load.
func (w *world) press(service string) *load.Load {
	w.Helper()
	return w.pressAt(w.url(service))
}

func (w *world) url(service string) string {
	w.Helper()
	url, err := w.URL(w.Context(), service)
	w.must(err)
	return url
}

func (w *world) pressAt(url string) *load.Load {
	l := load.Start(rate, mix(load.Door{}, url, true))
	w.loads = append(w.loads, l)
	return l
}

// mix is the whole mix of load, with conversations where they are held.
func mix(d load.Door, url string, conversations bool) []load.Aim {
	aims := []load.Aim{
		{Visitor: d.Get(url + "/"), Share: 10},
		{Visitor: d.Post(url+"/echo", 2_000), Share: 5},
		{Visitor: d.Post(url+"/echo", 200_000), Share: 1},
		{Visitor: d.Stream(url+"/stream?n=10&ms=50", 1000), Share: 2},
		{Visitor: d.Stream(url+"/stream?n=15&ms=100", 1500), Share: 1},
	}
	if conversations {
		aims = append(aims, load.Aim{Visitor: d.WebSocket(url+"/ws", 1500*time.Millisecond, 100*time.Millisecond), Share: 1})
	}
	return aims
}

// eventually wants f to succeed before patience is over.
func (w *world) eventually(patience time.Duration, f func() error) time.Duration {
	w.Helper()
	began := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			w.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// serves waits until a release serves with every instance.
func (w *world) serves(service string, release int) {
	w.Helper()
	w.eventually(30*time.Second, func() error {
		t, err := w.Client.Target(w.Context(), service, "test")
		if err == nil && (t.Release != release || t.Ready != t.Want) {
			err = fmt.Errorf("@%d serves, %d of %d ready", t.Release, t.Ready, t.Want)
		}
		return err
	})
}

// killServer kills the server, which its supervisor starts again. It returns
// after how long it answers again.
func (w *world) killServer() time.Duration {
	w.Helper()
	server, err := w.Role("server")
	w.must(err)
	w.must(server.Kill())
	return w.eventually(20*time.Second, func() error {
		ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
		defer cancel()
		_, err := w.Client.Whoami(ctx)
		return err
	})
}

func sleep(d time.Duration) { time.Sleep(d) }
