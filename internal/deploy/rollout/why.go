package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// maxWhys bounds the story that a deployment keeps; what is older is in the
// events.
const maxWhys = 100

// say adds a sentence to the deployment's story, or to the target's when none
// is moving. While nothing has happened it does not repeat itself.
func (p *plan) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.sayOnce(text, text)
}

// sayOnce says text unless something that begins with gist was said already, so
// that what changes in a text does not make it new.
func (p *plan) sayOnce(gist, text string) {
	why := slipway.Why{At: p.now, Text: text}
	if d := p.next.Deployment; d != nil && !d.Phase.Ended() {
		told := func(w slipway.Why) bool { return strings.HasPrefix(w.Text, gist) && !w.At.Before(d.Since) }
		if slices.ContainsFunc(d.Why, told) {
			return
		}
		d.Why = append(d.Why, why)
		if over := len(d.Why) - maxWhys; over > 0 {
			d.Why = slices.Delete(d.Why, 0, over)
		}
	}
	p.why = append(p.why, why)
}

func (p *plan) sayStart(d *slipway.Deployment, from int) {
	r := p.next.Specs[d.Candidate].Revision
	switch {
	case d.Stable == "":
		p.say("starts %s of @%d, the first to serve", count(d.Want, "instance"), d.Release)
	case p.isTakenBack(d):
		p.say("goes back to @%d, which still runs", d.Release)
	case alone(d):
		p.say("recreates: %s of @%d end, then %d of @%d start", count(from, "instance"), d.From, d.Want, d.Release)
	case r.Strategy == slipway.Canary:
		p.say("canary: from %s of @%d to %d of @%d, at %s", count(from, "instance"), d.From, d.Want, d.Release, weights(r.Weights))
	case r.Strategy == slipway.Immutable:
		p.say("makes %s of @%d beside %d of @%d, then switches", count(d.Want, "instance"), d.Release, from, d.From)
	default:
		p.say("rolls from %s of @%d to %d of @%d", count(from, "instance"), d.From, d.Want, d.Release)
	}
}

// sayReady names the instances that became ready since the stage began.
func (p *plan) sayReady(d *slipway.Deployment, g slipway.GroupID) {
	var parts []string
	for _, i := range p.members(g) {
		if i.Phase == slipway.InstanceReady && !i.Since.Before(d.Since) {
			parts = append(parts, fmt.Sprintf("%s ready in %s", i.ID, span(i.ReadyIn)))
		}
	}
	if len(parts) > 0 {
		p.say("%s", strings.Join(parts, " · "))
	}
}

func (p *plan) sayDrained(i slipway.InstanceStatus, d slipway.Drain) {
	switch {
	case ending(i):
		p.say("%s ended by itself%s", i.ID, because(i.Why))
	case p.next.Target.Kind != slipway.Web || !i.EverReady:
		p.say("%s is asked to stop", i.ID)
	default:
		p.say("%s drained in %s (0 requests left)", i.ID, span(p.now.Sub(d.Since)))
	}
}

// sayDraining tells whom a drain waits for.
func (p *plan) sayDraining(i slipway.InstanceStatus, d slipway.Drain) {
	for _, r := range p.was.Routes {
		switch {
		case r.Fence.Less(d.Fence):
			gist := fmt.Sprintf("%s still drains: %s has not confirmed the route without it", i.ID, router(r.Router))
			p.sayOnce(gist, gist+because(r.Why))
		case r.InFlight[i.ID] > 0:
			p.say("%s still drains: %s has requests to it in flight", i.ID, router(r.Router))
		}
	}
}

// sayUndecided tells why a gate neither passes nor fails. Its numbers grow while it
// says the same, which its first word tells. Where nothing served before, no more
// evidence is waited for: what there is, speaks against the candidate.
func (p *plan) sayUndecided(d *slipway.Deployment, v slipway.Verdict) {
	begin := "waits for evidence: "
	if d.Stable == "" && d.Phase == slipway.Progressing {
		begin = "is held: "
	}
	p.sayOnce(begin+v.Gist(), begin+v.Why)
}

// sayUnserved tells which routers do not have the newest route, where one says
// why.
func (p *plan) sayUnserved() {
	for _, r := range p.was.Routes {
		if r.Why != "" && p.was.Route != nil && r.Fence.Less(p.was.Route.Fence) {
			gist := fmt.Sprintf("waits until %s has the route", router(r.Router))
			p.sayOnce(gist, gist+because(r.Why))
		}
	}
}

// sayLapsed tells that a router has taken the traffic back by itself.
func (p *plan) sayLapsed(d *slipway.Deployment, r slipway.RouteStatus) {
	p.say("%s had not heard of the server for %s and went back to @%d by itself; it takes up %s again",
		router(r.Router), span(LeaseFor), d.From, percent(d.Weight))
}

// weights lists the weights of a canary: 1 %, 10 %, 50 %, 100 %.
func weights(ws []slipway.BasisPoints) string {
	var all []string
	for _, w := range ws {
		all = append(all, percent(w))
	}
	return strings.Join(append(all, percent(slipway.All)), ", ")
}

// percent writes a weight as people read it: 10 %, 0.5 %.
func percent(w slipway.BasisPoints) string {
	text := strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%02d", w/100, w%100), "0"), ".")
	return text + " %"
}

func router(id slipway.RouterID) string { return "router " + string(id) }

// sayRoute tells who drops out of the traffic without having been asked to,
// and, at rest, who comes back.
func (p *plan) sayRoute(r slipway.Route) {
	for _, g := range p.groups() {
		for _, i := range p.members(g) {
			switch before, after := listed(p.next.Route, i.ID), listed(&r, i.ID); {
			case before && !after:
				p.say("%s gets no traffic while it is not ready%s", i.ID, because(i.Why))
			case after && !before && p.next.Deployment == nil && i.Phase == slipway.InstanceReady:
				p.say("%s is ready and gets traffic", i.ID)
			}
		}
	}
}

// sayStruggling tells, once, that what is not ready has the traffic.
func (p *plan) sayStruggling(r slipway.Route, changed bool) {
	n := p.struggling(r)
	resting := p.next.Deployment == nil || p.next.Deployment.Phase.Ended()
	if n == 0 || resting && !changed && !p.was.Target.Lacking.IsZero() {
		return
	}
	p.sayOnce("nobody is ready", fmt.Sprintf("nobody is ready: the traffic stays with %s that was ready before and is alive", count(n, "instance")))
}

// struggling counts the instances of a route that are not ready, and serve only
// because nobody is.
func (p *plan) struggling(r slipway.Route) int {
	n := 0
	for _, s := range r.Shares {
		for _, e := range s.Endpoints {
			if i, found := p.instance(e.Instance); found && i.Boot == e.Boot && i.Phase == slipway.InstanceUnready {
				n++
			}
		}
	}
	return n
}

// listed reports whether a route leads to an instance, whatever its boot.
func listed(r *slipway.Route, id slipway.InstanceID) bool {
	return r != nil && slices.ContainsFunc(r.Shares, func(s slipway.Share) bool {
		return slices.ContainsFunc(s.Endpoints, func(e slipway.Endpoint) bool { return e.Instance == id })
	})
}

// laggard is the first instance of g that is not ready.
func (p *plan) laggard(g slipway.GroupID) (i slipway.InstanceStatus, lacks bool) {
	for _, i := range p.members(g) {
		if i.Phase != slipway.InstanceReady {
			return i, true
		}
	}
	return i, false
}

// whyNotReady names the first instance of g that lacked.
func (p *plan) whyNotReady(g slipway.GroupID, n int, allowed time.Duration) string {
	if i, lacks := p.laggard(g); lacks {
		text := fmt.Sprintf("%s was not ready within %s", i.ID, span(allowed))
		if i.Restarts > 0 {
			text += fmt.Sprintf(", restarted %s", times(i.Restarts))
		}
		return text + because(i.Why)
	}
	release := p.next.Specs[g].Revision.Release
	return fmt.Sprintf("%d of %d of @%d were not there within %s%s", n-p.ready(g), n, release, span(allowed), because(p.was.Troubles[g].Why))
}

func (p *plan) sayRefused(d *slipway.Deployment) {
	if d.Stable == "" {
		p.say("@%d was refused; nothing served before it", d.Release)
		return
	}
	p.say("@%d was refused; what serves (@%d, %s) was not touched", d.Release, d.From, count(p.next.Target.Want, "instance"))
}

func (p *plan) sayTurnBack(d *slipway.Deployment, why string) {
	if d.Stable == "" {
		p.say("takes @%d away: %s", d.Release, why)
		return
	}
	p.say("goes back to @%d: %s", d.From, why)
}

func (p *plan) sayReturned(d *slipway.Deployment) {
	if d.Stable == "" {
		p.say("@%d is gone; nothing served before it", d.Release)
		return
	}
	p.say("@%d serves as before: %d of %d ready", d.From, p.ready(d.Stable), p.next.Target.Want)
}

func (p *plan) sayStuck(d *slipway.Deployment) {
	p.say("@%d cannot come back by itself: see why its instances do not become ready, mend that, or deploy a release that does; %d ready instances keep serving",
		d.From, p.capacity())
}

func release(number int) string { return fmt.Sprintf("@%d", number) }

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// span writes a duration as people read it: 180 ms, 2.1 s, 30 s, 2 min 10 s.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d%time.Minute < time.Second:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}
