package evidence_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// printers are instances of both groups, and what they have printed.
type printers struct {
	now   time.Time
	stage int
	said  map[slipway.InstanceID]*slipway.Said
}

func newPrinters() *printers {
	p := &printers{now: start, said: map[slipway.InstanceID]*slipway.Said{}}
	for _, i := range []slipway.InstanceID{"b1", "b2", "c1", "c2"} {
		p.said[i] = &slipway.Said{Counter: "1"}
	}
	return p
}

// errs prints an error of a class.
func (p *printers) errs(i slipway.InstanceID, class string) {
	s := p.said[i]
	s.Errors++
	for n := range s.Classes {
		if s.Classes[n].ID == class {
			s.Classes[n].Count++
			return
		}
	}
	s.Classes = append(s.Classes, slipway.ErrorClass{ID: class, Title: class + " happened", Count: 1})
}

func (p *printers) look(d time.Duration, weight slipway.BasisPoints) evidence.Look {
	p.now = p.now.Add(d)
	l := evidence.Look{At: p.now, Stage: p.stage, Weight: weight, Canary: canary, Baseline: baseline}
	for group, instances := range map[slipway.GroupID][]slipway.InstanceID{canary: {"c1", "c2"}, baseline: {"b1", "b2"}} {
		g := slipway.GroupStatus{ID: group}
		for _, i := range instances {
			said := *p.said[i]
			said.Classes = append([]slipway.ErrorClass(nil), said.Classes...)
			g.Instances = append(g.Instances, slipway.InstanceStatus{ID: i, Phase: slipway.InstanceReady, EverReady: true, Said: &said})
		}
		l.Instances = append(l.Instances, g)
	}
	return l
}

func workers(t *testing.T) *court {
	c := open(t)
	c.kind = slipway.Worker
	c.Judge = evidence.New(slipway.DefaultEvidence, slipway.Worker)
	return c
}

func TestAWorkerThatPrintsErrorsGoesBack(t *testing.T) {
	p, c := newPrinters(), workers(t)
	p.errs("b1", "usual")
	c.see(p.look(time.Second, 0))
	v := c.see(p.look(time.Second, 5000))
	for n := 0; n < 600 && v.Decision != evidence.Rollback; n++ {
		p.errs("c1", "usual")
		p.errs("c2", "usual")
		if n%10 == 0 {
			p.errs("b1", "usual")
		}
		v = c.see(p.look(time.Second, 5000))
	}
	decided(t, v, evidence.Rollback, "errors logged per instance-minute")
	if len(c.Classes()) != 0 {
		t.Errorf("what the stable group had printed before is new: %+v", c.Classes())
	}
	c.replays(v)
}

func TestAWorkerThatIsQuietIsPromoted(t *testing.T) {
	p, c := newPrinters(), workers(t)
	c.see(p.look(time.Second, 0))
	decided(t, c.see(p.look(time.Second, 5000)), evidence.Inconclusive, "at least one is needed")
	for range 40 {
		p.errs("c1", "usual")
		p.errs("b2", "usual")
		c.see(p.look(time.Second, 5000))
	}
	decided(t, c.Verdict(), evidence.Promote, "nothing has alarmed")
}

// What speaks against a worker keeps it from being promoted, though it is not enough
// to send it back.
func TestAWorkerThatComplainsMoreWaits(t *testing.T) {
	p, c := newPrinters(), workers(t)
	p.errs("b1", "usual")
	c.see(p.look(time.Second, 0))
	v := c.see(p.look(time.Second, 5000))
	for n := range 40 {
		if n%2 == 0 {
			p.errs("c1", "usual")
		}
		v = c.see(p.look(time.Second, 5000))
	}
	decided(t, v, evidence.Inconclusive, "with 15 errors logged in each against 0: too many to promote it")
	c.replays(v)
	for n := 0; n < 600 && v.Decision == evidence.Inconclusive; n++ {
		v = c.see(p.look(time.Second, 5000))
		if n%4 == 0 {
			p.errs("b1", "usual")
			p.errs("b2", "usual")
		}
	}
	decided(t, v, evidence.Promote)
}

func TestErrorsOfANewClassAreNamed(t *testing.T) {
	p, c := newPrinters(), workers(t)
	p.errs("b1", "old")
	c.see(p.look(time.Second, 0))
	c.see(p.look(time.Second, 5000))
	p.errs("c1", "old")
	p.errs("c1", "new")
	p.errs("c2", "rare")
	first := c.see(p.look(time.Second, 5000))
	for range 3 {
		p.errs("c2", "new")
	}
	c.see(p.look(time.Second, 5000))
	got := c.Classes()
	if len(got) != 2 || got[0].ID != "new" || got[0].Canary != 4 || got[0].Title != "new happened" || got[1].ID != "rare" {
		t.Errorf("new classes: %+v", got)
	}
	for _, m := range first.Metrics {
		if m.Name == evidence.Exceptions && m.E > 1 {
			t.Errorf("the first error of a class is evidence: %g", m.E)
		}
	}
	v := c.Verdict()
	for n := 0; n < 300 && v.Decision != evidence.Rollback; n++ {
		p.errs("c1", "new")
		v = c.see(p.look(time.Second, 5000))
	}
	decided(t, v, evidence.Rollback)
}

func TestWhatTheStableGroupShowsAsOftenIsNotNew(t *testing.T) {
	p, c := newPrinters(), workers(t)
	c.see(p.look(time.Second, 0))
	c.see(p.look(time.Second, 5000))
	p.errs("c1", "rare")
	p.errs("c2", "new")
	p.errs("c2", "new")
	if c.see(p.look(time.Second, 5000)); len(c.Classes()) != 2 || c.Worst() != "c2" {
		t.Errorf("at first: %+v; %s is the worst", c.Classes(), c.Worst())
	}
	p.errs("b1", "rare")
	if c.see(p.look(time.Second, 5000)); len(c.Classes()) != 1 || c.Classes()[0].ID != "new" {
		t.Errorf("then: %+v", c.Classes())
	}
}

// TestWhatIsPrintedWhileStartingDoesNotCount: one side starts, the other does not.
func TestWhatIsPrintedWhileStartingDoesNotCount(t *testing.T) {
	p, c := newPrinters(), workers(t)
	c.see(p.look(time.Second, 0))
	c.see(p.look(time.Second, 5000))
	p.said["c1"] = &slipway.Said{Counter: "2", Errors: 1} // another shim
	l := p.look(time.Second, 5000)
	for g := range l.Instances {
		for i := range l.Instances[g].Instances {
			if s := &l.Instances[g].Instances[i]; s.ID == "c2" {
				s.ID, s.Said = "c3", &slipway.Said{Counter: "1", Errors: 1000}
			}
		}
	}
	v := c.see(l)
	for _, m := range v.Metrics {
		if m.Name == evidence.Logs && m.Canary.Failed != 1 {
			t.Errorf("%g errors count, not the one that was printed since it was ready", m.Canary.Failed)
		}
	}
}

func TestASplitThatIsNotWhatItShouldBeDecidesNothing(t *testing.T) {
	w := newWorld(9, .001, .001)
	c := begun(t, w)
	w.pass(time.Millisecond * 100)
	w.ask(0)
	w.draws = 600 // whoever draws, draws wrongly
	for range 240 {
		w.pass(250 * time.Millisecond)
		c.see(w.look())
	}
	decided(t, c.Verdict(), evidence.Inconclusive, "came to the candidate, which should have had 10 %", "Look at the routers")
	l := w.look()
	l.Sticky = true
	c = open(t)
	if v := c.see(l); strings.Contains(v.Why, "should have had") {
		t.Errorf("where browsers stay, requests are not split: %s", v.Why)
	}
}

func TestARightSplitIsLeftAlone(t *testing.T) {
	for seed := range uint64(5) {
		w := newWorld(10+seed, .001, .001)
		c := begun(t, w)
		for range 240 {
			w.pass(250 * time.Millisecond)
			if v := c.see(w.look()); strings.Contains(v.Why, "should have had") {
				t.Fatal(v.Why)
			}
		}
	}
}

func TestWarmUpIsNotLookedAt(t *testing.T) {
	w := newWorld(11, .001, 1)
	c := open(t)
	c.rules.WarmUp = 10 * time.Second
	c.Judge = evidence.New(c.rules, slipway.Web)
	w.pass(time.Minute)
	c.see(w.look())
	w.weigh(1000)
	began := w.now
	v := c.until(w, time.Minute, evidence.Inconclusive)
	if decided(t, v, evidence.Rollback); w.now.Sub(began) < 10*time.Second || w.now.Sub(began) > 16*time.Second {
		t.Errorf("after %s", w.now.Sub(began))
	}
}

func TestBandsHoldTheQuantiles(t *testing.T) {
	missed := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		j, outside := evidence.New(slipway.DefaultEvidence, slipway.Web), false
		for range 50 {
			h := slipway.Histogram{}
			for range 40 {
				h[slipway.BucketOf(time.Duration(100e6*r.Float64()))]++ // as often each up to 100 ms
			}
			s := []evidence.Sample{{Instance: "i", Tally: slipway.Tally{Requests: 40, Took: h}}}
			if err := j.Look(evidence.Batch{At: start, Weight: 5000, Sticky: true, Canary: s, Baseline: s}); err != nil {
				t.Fatal(err)
			}
			for _, q := range j.Quantiles() {
				is := map[string]time.Duration{"p50": 50e6, "p75": 75e6, "p90": 90e6, "p95": 95e6, "p99": 99e6}[q.Name]
				if b := q.Canary; b.Low > is*103/100 || b.High != 0 && b.High < is {
					outside = true
				}
			}
		}
		if outside {
			missed++
		}
	}
	if missed > 5*5 { // each of five quantiles may be outside in 5 %
		t.Errorf("in %d of 100 runs a quantile was outside its band", missed)
	}
}
