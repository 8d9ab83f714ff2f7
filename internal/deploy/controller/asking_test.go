package controller_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// ledger counts orders of releases, a hundred at every question of which some
// fail.
type ledger struct {
	fails map[int]float64 // by release: so many of a hundred

	mu     sync.Mutex
	why    string // nobody answers
	hangs  bool
	count  map[int]evidence.Count
	within int // questions that are under way
	most   int
}

func (l *ledger) Ask(ctx context.Context, _ slipway.TargetID, canary, baseline int, queries []slipway.Query) []evidence.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.within++
	l.most = max(l.most, l.within)
	defer func() { l.within-- }()
	if l.hangs {
		l.mu.Unlock()
		<-ctx.Done()
		l.mu.Lock()
	}
	a := evidence.Answer{Name: queries[0].Name, Why: l.why}
	for release, side := range map[int]*evidence.Counters{canary: &a.Canary, baseline: &a.Baseline} {
		n := l.count[release]
		n.All += 100
		n.Failed += l.fails[release]
		l.count[release] = n
		side.All, side.Failed = map[string]float64{"x": n.All}, map[string]float64{"x": n.Failed}
	}
	return []evidence.Answer{a}
}

// orderedCanary is one that routers see nothing wrong with, and whose orders
// somebody counts.
func orderedCanary(t *testing.T, fails map[int]float64) (*world, *ledger, *controller.Controller) {
	w := newWorld(t)
	c := w.controller("a")
	c.Witness, c.Archive = &crowd{world: w, wrong: map[int]int{1: 1000, 2: 1000}, count: map[slipway.InstanceID]*slipway.Counted{}}, w.store
	l := &ledger{fails: fails, count: map[int]evidence.Count{}}
	c.Asker = l
	for range 2 {
		m := canary(500 * time.Millisecond)
		place := m.Environments["test"]
		terms := slipway.DefaultEvidence
		terms.Settle = 0
		terms.Queries = []slipway.Query{{Name: "orders", Prometheus: "http://127.0.0.1:9090", Failed: "failed_$release", All: "all_$release"}}
		place.Evidence = &terms
		m.Environments["test"] = place
		w.publish(m)
	}
	return w, l, c
}

func (l *ledger) answers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = ""
}

// What routers do not see sends a canary back as well.
func TestOrdersSendACanaryBack(t *testing.T) {
	w, _, c := orderedCanary(t, map[int]float64{1: 1, 2: 100})
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	if text := said(w.wait(d.ID, slipway.RolledBack)); !strings.Contains(text, "orders 100 % against 1") {
		t.Errorf("it says\n%s", text)
	}
}

// Who does not answer, or was never given anybody to ask, holds a canary until
// there is an answer or a person.
func TestWhoDoesNotAnswerHoldsACanary(t *testing.T) {
	w, l, c := orderedCanary(t, map[int]float64{1: 1, 2: 1})
	l.why = "it is away"
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), " requests; orders: ") })
	time.Sleep(2 * time.Second)
	if p := w.deployment(d.ID).Phase; p != slipway.Progressing {
		t.Fatalf("it is %s without an answer", p)
	}
	l.answers()
	w.wait(d.ID, slipway.Succeeded)
}

func TestWithoutAnybodyToAskACanaryIsHeld(t *testing.T) {
	w, _, c := orderedCanary(t, nil)
	c.Asker = nil
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), "orders: it has not answered yet") })
}

// moved is an archive for which the target has moved on meanwhile, once.
type moved struct {
	controller.Archive
	kept int
}

func (m *moved) AppendEvidence(ctx context.Context, owner string, from slipway.Fence, t slipway.TargetID, d slipway.DeploymentID, behind int, more slipway.Looks) error {
	if m.kept++; m.kept == 5 {
		return slipway.Errorf(slipway.Conflict, "it has moved on")
	}
	return m.Archive.AppendEvidence(ctx, owner, from, t, d, behind, more)
}

// Who hangs is asked one thing at a time, and keeps nobody from planning for the
// target, nor the server from its end.
func TestWhoHangsKeepsNobody(t *testing.T) {
	w, l, c := orderedCanary(t, nil)
	l.hangs = true
	c.Archive = &moved{Archive: c.Archive}
	stop := w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it has traffic", func() bool { return w.deployment(d.ID).Weight > 0 })
	time.Sleep(2500 * time.Millisecond)
	if err := c.Abort(t.Context(), d.ID, mei); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w.wait(d.ID, slipway.RolledBack)
	stop()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it went back, and the server ended, after %s", took)
	}
	if l.most != 1 {
		t.Errorf("%d questions at once", l.most)
	}
}
