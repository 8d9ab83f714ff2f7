package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

var jon = slipway.Actor{Kind: slipway.ActorUser, Name: "jon"}

// guarded is a world whose prod is declared as given, with a release of web that
// mei pushed.
func guarded(t *testing.T, prod slipway.Environment) (*world, *controller.Controller) {
	w := newWorld(t)
	prod.Name = "prod"
	_, err := w.store.Declare(t.Context(), slipway.Declaration{Environments: slipway.Environments{{Name: "test"}, prod}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := w.controller("a")
	c.Gatekeeper = w.store
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	return w, c
}

func (w *world) toProd(c *controller.Controller, r controller.Request) slipway.Deployment {
	w.t.Helper()
	r.Service, r.Environment = "web", "prod"
	if r.Kind == "" {
		r.Release = 1
	}
	return w.deploy(c, r)
}

// verdict waits until a gate says something that holds a text.
func (w *world) verdict(id slipway.DeploymentID, gate slipway.GateID, text string) {
	w.t.Helper()
	var said []slipway.GateVerdict
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		d, err := w.store.Deployment(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		said = d.Verdicts
		for _, v := range said {
			if v.Gate == gate && strings.Contains(v.Why, text) {
				return
			}
		}
	}
	w.t.Fatalf("%s does not say %q: %+v", gate, text, said)
}

func (w *world) lock(t slipway.TargetID, d time.Duration) slipway.Lock {
	w.t.Helper()
	now := time.Now()
	l := slipway.Lock{ID: fmt.Sprint(now.UnixNano()), Target: t, Why: "database migration", Actor: jon, At: now, Until: now.Add(d)}
	if _, err := w.store.Lock(w.t.Context(), l); err != nil {
		w.t.Fatal(err)
	}
	return l
}

func TestALockHoldsUntilItEnds(t *testing.T) {
	w, c := guarded(t, slipway.Environment{})
	w.lock(slipway.TargetID{Environment: "prod"}, 400*time.Millisecond)
	w.lock(slipway.TargetID{Environment: "test"}, time.Hour)
	begun := time.Now()
	d := w.toProd(c, controller.Request{Override: "never mind"})
	w.verdict(d.ID, controller.GateLock, "prod is locked by jon until")
	w.wait(d.ID, slipway.Succeeded)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it started %s after the lock ended", took)
	}
}

func TestALockIsTakenAway(t *testing.T) {
	w, c := guarded(t, slipway.Environment{})
	web := slipway.TargetID{Service: "web", Environment: "prod"}
	l := w.lock(web, time.Hour)
	d := w.toProd(c, controller.Request{})
	w.verdict(d.ID, controller.GateLock, "web in prod is locked by jon until")
	if err := w.store.Unlock(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	w.hub.Wake("target/" + web.String())
	w.wait(d.ID, slipway.Succeeded)
}

func TestARollbackGoesOverALockWhenAsked(t *testing.T) {
	w, c := guarded(t, slipway.Environment{})
	w.wait(w.toProd(c, controller.Request{}).ID, slipway.Succeeded)
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(c, controller.Request{Service: "web", Environment: "prod", Release: 2})
	w.wait(d.ID, slipway.Succeeded)
	w.lock(slipway.TargetID{Environment: "prod"}, time.Hour)
	d = w.toProd(c, controller.Request{Kind: slipway.KindRollback})
	w.verdict(d.ID, controller.GateLock, "override: slipway rollback web prod --override --why TEXT")
	d = w.toProd(c, controller.Request{Kind: slipway.KindRollback, Override: "customers cannot pay"})
	d = w.wait(d.ID, slipway.Succeeded)
	if d.Override != "customers cannot pay" || d.Release != 1 {
		t.Errorf("%+v", d)
	}
	events, err := w.store.Events(t.Context(), 0, slipway.EventFilter{Deployment: d.ID}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if e := events[1]; e.Kind != slipway.DeploymentOverridden || e.Actor != mei || !strings.Contains(e.Text, "customers cannot pay") {
		t.Errorf("%+v", e)
	}
}

func TestAFreezeHoldsWhatIsNew(t *testing.T) {
	w, c := guarded(t, slipway.Environment{})
	w.wait(w.toProd(c, controller.Request{}).ID, slipway.Succeeded)
	w.publish(manifest("web", slipway.Web))
	w.wait(w.deploy(c, controller.Request{Service: "web", Environment: "prod", Release: 2}).ID, slipway.Succeeded)
	frozen := slipway.Environment{Name: "prod", Freezes: []slipway.Freeze{{Why: "the year's end", Zone: "Europe/Zurich", Until: time.Now().Add(time.Hour)}}}
	if _, err := w.store.Declare(t.Context(), slipway.Declaration{Environments: slipway.Environments{frozen}}, 1); err != nil {
		t.Fatal(err)
	}
	w.publish(manifest("web", slipway.Web))
	d := w.deploy(c, controller.Request{Service: "web", Environment: "prod", Release: 3})
	w.verdict(d.ID, controller.GateFreeze, "Europe/Zurich: the year's end; override: slipway deploy prod web@3 --override --why TEXT")

	back := w.toProd(c, controller.Request{Kind: slipway.KindRollback})
	w.wait(back.ID, slipway.Succeeded)
	again := w.deploy(c, controller.Request{Service: "web", Environment: "prod", Kind: slipway.KindRestart})
	w.verdict(again.ID, controller.GateFreeze, "override: slipway restart web prod --override --why TEXT")
	w.wait(w.deploy(c, controller.Request{Service: "web", Environment: "prod", Kind: slipway.KindRestart, Override: "it leaks"}).ID, slipway.Succeeded)
	w.wait(w.deploy(c, controller.Request{Service: "web", Environment: "prod", Release: 3, Override: "a leak"}).ID, slipway.Succeeded)
}

func TestApprovalsBindTheImage(t *testing.T) {
	w, c := guarded(t, slipway.Environment{Approvals: slipway.Approvals{Count: 1, Role: slipway.Deployer, NotAuthor: true}})
	d := w.toProd(c, controller.Request{})
	w.verdict(d.ID, controller.GateApproval, fmt.Sprintf("needs 1 of 1 approvals by a deployer who is not the author: slipway approve %d", d.ID))
	r, err := w.store.Revision(t.Context(), d.Revision)
	if err != nil {
		t.Fatal(err)
	}
	approve := func(a slipway.Approval) {
		t.Helper()
		a.Deployment = d.ID
		if err := w.store.Approve(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		w.hub.Wake("target/" + d.Target.String())
	}
	approve(slipway.Approval{Digest: r.Image, Actor: mei, Role: slipway.Admin})                                                  // she asked for it
	approve(slipway.Approval{Digest: r.Image, Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "vic"}, Role: slipway.Viewer}) // may not
	approve(slipway.Approval{Digest: "sha256:other", Actor: jon, Role: slipway.Deployer})                                        // another image
	w.verdict(d.ID, controller.GateApproval, "jon approved another image")
	approve(slipway.Approval{Digest: r.Image, Actor: jon, Role: slipway.Deployer})
	w.wait(d.ID, slipway.Succeeded)
}

func TestGatesAreToldInTheirOrder(t *testing.T) {
	w, c := guarded(t, slipway.Environment{Approvals: slipway.Approvals{Count: 2, Role: slipway.Admin}})
	w.publish(manifest("front", slipway.Web, slipway.Need{Service: "web", AtLeast: 9}))
	d := w.deploy(c, controller.Request{Service: "front", Environment: "prod", Release: 1})
	w.verdict(d.ID, controller.GateNeeds, "needs web >= 9 (nothing of it is live in prod)")
	d, err := w.store.Deployment(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, v := range d.Verdicts {
		said = append(said, fmt.Sprintf("%s %s: %s", v.State, v.Gate, v.Why))
	}
	want := fmt.Sprintf(`pass lock: no lock
pass freeze: no freeze
wait approval: needs 2 of 2 approvals by an admin: slipway approve %d
wait needs: needs web >= 9 (nothing of it is live in prod)`, d.ID)
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// ahead is a clock that is wrong by an hour.
type ahead struct{}

func (ahead) Now() time.Time { return time.Now().UTC().Add(time.Hour) }

// A lock ends by the clock of the database, whatever the clock of the server says.
func TestALockHoldsThoughAClockIsAhead(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	c.Gatekeeper, c.Clock = w.store, ahead{}
	w.run(c)
	w.publish(manifest("web", slipway.Web))
	l := w.lock(slipway.TargetID{Environment: "test"}, 10*time.Minute)
	d := w.deploy(c, controller.Request{Service: "web"})
	w.verdict(d.ID, controller.GateLock, "test is locked by jon until")
	looks := w.asked()
	time.Sleep(200 * time.Millisecond)
	if more := w.asked() - looks; more > 20 {
		t.Errorf("looked %d times in 200 ms", more)
	}
	if d := w.deployment(d.ID); d.Phase != slipway.Pending {
		t.Fatalf("it is %s", d.Phase)
	}
	if err := w.store.Unlock(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	w.hub.Wake("target/" + d.Target.String())
	w.wait(d.ID, slipway.Succeeded)
}
