package controller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// crowd is a thousand requests at every look, of which the router has counted
// what releases do wrong.
type crowd struct {
	*world
	wrong map[int]int // by release: of so many requests one fails; 0: none

	mu      sync.Mutex
	count   map[slipway.InstanceID]*slipway.Counted
	reports int
}

func (c *crowd) Counted(_ context.Context, t slipway.TargetID) []slipway.Counted {
	c.world.mu.Lock()
	route := c.route[t]
	c.world.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports++
	var all []slipway.Counted
	for _, s := range route.Shares {
		for _, e := range s.Endpoints {
			n := c.count[e.Instance]
			if n == nil || n.Fence != route.Fence {
				n = &slipway.Counted{Router: "r1", Boot: "1", Fence: route.Fence, Group: s.Group, Weight: s.Weight, Instance: e.Instance}
				n.Took, n.Failures = slipway.Histogram{}, map[slipway.Failure]uint64{}
				c.count[e.Instance] = n
			}
			for range 1000 * int(s.Weight) / int(slipway.All) / len(s.Endpoints) {
				c.ask(n, c.wrong[s.Release])
			}
			all = append(all, *n)
			all[len(all)-1].Took, all[len(all)-1].Failures = maps.Clone(n.Took), maps.Clone(n.Failures)
		}
	}
	return all
}

// ask counts one request; each seventh or so is slower.
func (c *crowd) ask(n *slipway.Counted, wrong int) {
	n.Requests++
	n.Took[slipway.BucketOf(time.Duration(10+n.Requests%7)*time.Millisecond)]++
	fails := wrong > 0 && n.Requests%uint64(wrong) == 0
	if fails {
		n.Failures[slipway.FailedAnswer]++
	}
	if n.Requests%slipway.CellSize == 0 {
		n.Cells.All++
		if wrong > 0 && n.Requests/uint64(wrong) > (n.Requests-slipway.CellSize)/uint64(wrong) {
			n.Cells.Failed++
		}
	}
}

func judgedCanary(t *testing.T, wrong map[int]int, hold time.Duration, edit ...func(*slipway.Rollout)) (*world, *crowd, *controller.Controller) {
	w := newWorld(t)
	people := &crowd{world: w, wrong: wrong, count: map[slipway.InstanceID]*slipway.Counted{}}
	c := w.controller("a")
	c.Witness, c.Archive = people, w.store
	for range 2 {
		m := canary(hold)
		place := m.Environments["test"]
		terms := slipway.DefaultEvidence
		terms.Settle = 0
		place.Evidence = &terms
		for _, e := range edit {
			e(&place.Rollout)
		}
		m.Environments["test"] = place
		w.publish(m)
	}
	return w, people, c
}

func (w *world) firstServes(c *controller.Controller) {
	w.wait(w.deploy(c, controller.Request{Service: "web", Release: 1}).ID, slipway.Succeeded)
}

// A canary that answers errors goes back long before its hold is over, and what
// was seen of it is kept. A server that comes after a crash judges by the same.
func TestEvidenceSendsACanaryBack(t *testing.T) {
	w, _, c := judgedCanary(t, map[int]int{1: 1000, 2: 10}, time.Hour)
	stop := w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("a canary with traffic", func() bool { return w.deployment(d.ID).Weight == 1000 })
	stop()
	before, err := w.store.Evidence(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	next := w.controller("b")
	next.Witness, next.Archive = c.Witness, c.Archive
	w.run(next)
	got := w.wait(d.ID, slipway.RolledBack)
	if text := said(got); !strings.Contains(text, "errors") {
		t.Errorf("it says\n%s", text)
	}
	after, err := w.store.Evidence(t.Context(), d.ID)
	if err != nil || len(after.Batches) <= len(before.Batches) {
		t.Errorf("%d looks are kept, %d before the crash: %v", len(after.Batches), len(before.Batches), err)
	}
}

func said(d slipway.Deployment) (text string) {
	for _, w := range d.Why {
		text += w.Text + "\n"
	}
	return text
}

// One that is as good as before is promoted when its hold is over, not before.
func TestEvidencePromotesACanary(t *testing.T) {
	w, _, c := judgedCanary(t, map[int]int{1: 1000, 2: 1000}, 500*time.Millisecond)
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it is held", func() bool { return !w.deployment(d.ID).Held.IsZero() })
	held := w.deployment(d.ID).Held
	if got := w.wait(d.ID, slipway.Succeeded); got.FinishedAt.Before(held.Add(500 * time.Millisecond)) {
		t.Errorf("it was held since %s and has succeeded at %s", held, got.FinishedAt)
	}
}

// No requests are no evidence: the canary waits, says what it would take, and goes
// on when a person answers for it.
func TestNoEvidenceWaitsForAPerson(t *testing.T) {
	w, people, c := judgedCanary(t, nil, 10*time.Millisecond)
	people.count = nil
	c.Witness = nobody{}
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), "waits for evidence: ") })
	if err := c.Promote(t.Context(), d.ID, 1, mei, ""); err != nil {
		t.Errorf("a stage that it has passed: %v", err)
	}
	if err := c.Promote(t.Context(), d.ID, 3, mei, ""); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a stage that it has not reached: %v", err)
	}
	time.Sleep(50 * time.Millisecond)
	if p := w.deployment(d.ID).Phase; p != slipway.Progressing {
		t.Fatalf("it is %s without evidence", p)
	}
	if err := c.Promote(t.Context(), d.ID, 2, mei, "nobody is up yet"); err != nil {
		t.Fatal(err)
	}
	got := w.wait(d.ID, slipway.Succeeded)
	if text := said(got); !strings.Contains(text, "Mei promotes @2 past stage 2 of") || !strings.Contains(text, ": nobody is up yet; evidence: INCONCLUSIVE") {
		t.Errorf("it says\n%s", text)
	}
}

// Who aborts a canary is written down, and on what evidence.
func TestAnAbortTellsTheEvidence(t *testing.T) {
	w, people, c := judgedCanary(t, nil, 10*time.Millisecond)
	people.count = nil
	c.Witness = nobody{}
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), "waits for evidence: ") })
	if err := c.Abort(t.Context(), d.ID, mei); err != nil {
		t.Fatal(err)
	}
	got := w.wait(d.ID, slipway.RolledBack)
	if text := said(got); !strings.Contains(text, fmt.Sprintf("Mei asked to abort deployment %d; evidence: INCONCLUSIVE", d.ID)) {
		t.Errorf("it says\n%s", text)
	}
}

// leaking is a world whose candidate answers as well as before and leaks, which has
// been said.
func leaking(t *testing.T) (*world, *controller.Controller, func(), slipway.Deployment) {
	w, _, c := judgedCanary(t, map[int]int{1: 1000, 2: 1000}, 4*time.Second, func(r *slipway.Rollout) { r.Bake = 20 * time.Minute })
	stop := w.run(c)
	first := w.deploy(c, controller.Request{Service: "web", Release: 1})
	w.until("the first bakes", func() bool { return !w.deployment(first.ID).Held.IsZero() })
	if err := c.Promote(t.Context(), first.ID, 0, mei, ""); err != nil {
		t.Fatal(err)
	}
	w.wait(first.ID, slipway.Succeeded)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.mu.Lock()
	w.leaks = slipway.GroupOf(d.ID)
	w.mu.Unlock()
	w.until("it is held", func() bool {
		return strings.Contains(said(w.deployment(d.ID)), "waits for evidence: memory grows, of i-")
	})
	return w, c, stop, d
}

// One that answers as well as before and leaks is not given more, until a person
// answers for it.
func TestALeakIsHeld(t *testing.T) {
	w, c, _, d := leaking(t)
	held := w.deployment(d.ID)
	if held.Weight != 1000 || time.Since(held.Held) < 4*time.Second {
		t.Errorf("with %d, %s since it was held", held.Weight, time.Since(held.Held))
	}
	if err := c.Promote(t.Context(), d.ID, held.At+1, mei, "it is a cache"); err != nil {
		t.Fatal(err)
	}
	w.until("it has all traffic", func() bool { return w.deployment(d.ID).Weight == slipway.All })
	if text := said(w.deployment(d.ID)); !strings.Contains(text, "it is a cache; evidence: memory grows, of i-") {
		t.Errorf("it says\n%s", text)
	}
}

// worseAtFirst is a world whose first release bakes for an hour, and is worse than is
// tolerated.
func worseAtFirst(t *testing.T, edit ...func(*slipway.Rollout)) (*world, *controller.Controller, func(), slipway.Deployment) {
	edit = append([]func(*slipway.Rollout){func(r *slipway.Rollout) { r.Bake = time.Hour }}, edit...)
	w, _, c := judgedCanary(t, map[int]int{1: 20}, time.Hour, edit...)
	return w, c, w.run(c), w.deploy(c, controller.Request{Service: "web", Release: 1})
}

// A first release that is worse than is tolerated has nothing to go back to. It is
// told, and held for a person, also by a server that comes after a crash.
func TestAFirstReleaseThatIsWorseIsHeldForAPerson(t *testing.T) {
	w, c, stop, d := worseAtFirst(t)
	held := func() bool { return strings.Contains(said(w.deployment(d.ID)), "is held: WORSE after ") }
	w.until("it is held", held)
	stop()
	next := w.controller("b")
	next.Witness, next.Archive = c.Witness, c.Archive
	w.run(next)
	before := w.deployment(d.ID)
	w.until("the next one looks", func() bool { return w.deployment(d.ID).Verdicts[0] != before.Verdicts[0] })
	got := w.deployment(d.ID)
	if v := got.Verdicts[0]; got.Phase != slipway.Progressing || got.Weight != slipway.All || v.State != slipway.GateInconclusive ||
		!strings.Contains(v.Why, " % with nothing beside it; 1 % are tolerated.") || !strings.Contains(v.Why, "Nothing is there to go back to") {
		t.Errorf("it is %s with %d: %+v", got.Phase, got.Weight, v)
	}
	if err := next.Promote(t.Context(), d.ID, 0, mei, "better than nothing"); err != nil {
		t.Fatal(err)
	}
	if text := said(w.wait(d.ID, slipway.Succeeded)); !strings.Contains(text, "Mei promotes @1 past stage 1 of 1: better than nothing; evidence: WORSE after ") {
		t.Errorf("it says\n%s", text)
	}
}

func TestAFirstReleaseThatIsWorseIsAborted(t *testing.T) {
	w, c, _, d := worseAtFirst(t)
	w.until("it is held", func() bool { return strings.Contains(said(w.deployment(d.ID)), "is held: WORSE after ") })
	if err := c.Abort(t.Context(), d.ID, mei); err != nil {
		t.Fatal(err)
	}
	if text := said(w.wait(d.ID, slipway.RolledBack)); !strings.Contains(text, "takes @1 away: it was aborted") || len(w.serving(web)) > 0 {
		t.Errorf("it says\n%s", text)
	}
}

// A manifest may say how long a person has.
func TestAFirstReleaseThatIsWorseIsNotHeldForEver(t *testing.T) {
	w, _, _, d := worseAtFirst(t, func(r *slipway.Rollout) { r.Evidence.MaxHold = 500 * time.Millisecond })
	if text := said(w.wait(d.ID, slipway.RolledBack)); !strings.Contains(text, "takes @1 away: nothing was decided within 500ms, the longest hold: WORSE after ") {
		t.Errorf("it says\n%s", text)
	}
}

// When a hold is over, people are told what was counted until then, and not what was at
// its beginning.
func TestWhatIsWaitedForIsTold(t *testing.T) {
	w, _, c := judgedCanary(t, map[int]int{1: 20, 2: 20}, 700*time.Millisecond)
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), "waits for evidence: ") })
	if text := said(w.deployment(d.ID)); strings.Contains(text, "no requests yet") {
		t.Errorf("it says\n%s", text)
	}
}

// In place the bake comes when the last old instance has left: there too nothing is
// beside the candidate, and no alarm is all that can be asked for.
func TestABakeInPlaceEnds(t *testing.T) {
	w, _, c := judgedCanary(t, nil, 10*time.Millisecond, func(r *slipway.Rollout) { r.Detach, r.Bake = 1, 100*time.Millisecond })
	c.Witness = nobody{}
	w.run(c)
	w.firstServes(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 2})
	w.until("it waits", func() bool { return strings.Contains(said(w.deployment(d.ID)), "waits for evidence: ") })
	held := w.deployment(d.ID).At + 1
	if err := c.Promote(t.Context(), d.ID, held, mei, "nobody is up yet"); err != nil {
		t.Fatal(err)
	}
	if got := w.wait(d.ID, slipway.Succeeded); got.Promoted != held || got.Stages[got.At].Hold == 0 {
		t.Errorf("promoted past stage %d of %+v", got.Promoted, got.Stages)
	}
}

// One that is good bakes, and serves. What comes after it, and is worse in its own
// bake, goes back to it.
func TestAFirstReleaseBakes(t *testing.T) {
	const bake = 500 * time.Millisecond
	w, _, c := judgedCanary(t, map[int]int{1: 1000, 2: 20}, 0, func(r *slipway.Rollout) { r.Strategy, r.Weights, r.Bake = slipway.Immutable, nil, bake })
	w.run(c)
	d := w.deploy(c, controller.Request{Service: "web", Release: 1})
	w.until("it has all traffic", func() bool { return !w.deployment(d.ID).Held.IsZero() })
	held := w.deployment(d.ID).Held
	if got := w.wait(d.ID, slipway.Succeeded); got.FinishedAt.Before(held.Add(bake)) {
		t.Errorf("it was held since %s and has succeeded at %s", held, got.FinishedAt)
	}
	d = w.deploy(c, controller.Request{Service: "web", Release: 2})
	if text := said(w.wait(d.ID, slipway.RolledBack)); !strings.Contains(text, "goes back to @1: ROLLED BACK after ") {
		t.Errorf("it says\n%s", text)
	}
}

// What a server has seen of a leak, the next one knows.
func TestALeakIsKnownToTheNextServer(t *testing.T) {
	w, c, stop, d := leaking(t)
	stop()
	kept := func() (looks int, grows string) {
		all, err := w.store.Evidence(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		var l evidence.Ledger
		if err := json.Unmarshal(all.Ledger, &l); err != nil {
			t.Fatal(err)
		}
		return len(all.Batches), l.Growth.Why(20 * time.Minute)
	}
	before, grows := kept()
	if !strings.HasPrefix(grows, "memory grows, of i-") {
		t.Fatalf("kept is %q", grows)
	}
	next := w.controller("b")
	next.Witness, next.Archive = c.Witness, c.Archive
	w.run(next)
	w.until("the next one has looked", func() bool { looks, _ := kept(); return looks > before })
	if looks, grows := kept(); !strings.HasPrefix(grows, "memory grows, of i-") {
		t.Errorf("after %d looks more: %q", looks-before, grows)
	}
}

type nobody struct{}

func (nobody) Counted(context.Context, slipway.TargetID) []slipway.Counted { return nil }
