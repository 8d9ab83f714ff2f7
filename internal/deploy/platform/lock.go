package platform

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

const maxWhy = 500 // bytes

// Lock keeps deployments of a target, or with Service "" of its environment,
// from starting for a while. A person has one lock on each; locking again
// changes it.
//
// It returns Forbidden for who may not deploy there, Invalid without a reason or
// an end, NotFound for what is not there, and Exists when it is somebody else's.
func (p *Platform) Lock(ctx context.Context, by slipway.Principal, t slipway.TargetID, why string, d time.Duration) (slipway.Lock, error) {
	if err := p.mayLock(ctx, by, t); err != nil {
		return slipway.Lock{}, err
	}
	if err := Reason(why); err != nil {
		return slipway.Lock{}, err
	}
	if d < time.Second || d > slipway.MaxLock {
		return slipway.Lock{}, slipway.Errorf(slipway.Invalid, "a lock holds from 1 second to 30 days, not %s", d).Do("say how long: --for 2h")
	}
	now, err := p.Store.Now(ctx)
	if err != nil {
		return slipway.Lock{}, err
	}
	l := slipway.Lock{ID: strings.ToLower(rand.Text()[:16]), Target: t, Why: why, Actor: by.Actor, At: now, Until: now.Add(d)}
	held, err := p.Store.Lock(ctx, l, slipway.Event{
		At: now, Kind: slipway.LockTaken, Actor: by.Actor, Target: t,
		Text: fmt.Sprintf("%s locked %s until %s: %s", by.Actor.Person(), l.Place(), l.Until.Format(time.RFC3339), why),
	})
	if slipway.CodeOf(err) == slipway.Exists {
		return held, slipway.Errorf(slipway.Exists, "%s is locked by %s until %s already: %s", held.Place(), held.Actor.Person(), held.Until.Format(time.RFC3339), held.Why).
			Do("%s or an admin may take that away: slipway unlock %s", held.Actor.Person(), words(t))
	}
	return held, err
}

// Reason checks why somebody does something that others will wonder about.
func Reason(why string) error {
	if why == "" {
		return slipway.Errorf(slipway.Invalid, "others will ask why").Do("say it: --why TEXT")
	}
	if len(why) > maxWhy || strings.ContainsFunc(why, func(r rune) bool { return r < ' ' }) {
		return slipway.Errorf(slipway.Invalid, "a reason is one line of at most %d bytes", maxWhy)
	}
	return nil
}

func (p *Platform) mayLock(ctx context.Context, by slipway.Principal, t slipway.TargetID) error {
	if _, err := p.environment(ctx, t.Environment); err != nil {
		return err
	}
	if by.Job != nil {
		return slipway.Errorf(slipway.Forbidden, "a job locks and unlocks nothing: people do")
	}
	if !by.CanDeploy(t.Environment) {
		return slipway.Errorf(slipway.Forbidden, "%s may not deploy to %s, nor keep others from it", by.Actor.Name, t.Environment)
	}
	if t.Service == "" {
		return nil
	}
	all, err := p.Store.Services(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, s := range all {
		if s.Name == t.Service {
			return nil
		}
		known = append(known, string(s.Name))
	}
	if len(known) == 0 {
		return slipway.Errorf(slipway.NotFound, "no service %q; there are none yet", t.Service)
	}
	return slipway.Errorf(slipway.NotFound, "no service %q; there are %s", t.Service, strings.Join(known, ", "))
}

// Unlock takes a lock away: one's own, or as an administrator anybody's. It
// returns NotFound when there is none, and Forbidden.
func (p *Platform) Unlock(ctx context.Context, by slipway.Principal, t slipway.TargetID) (slipway.Lock, error) {
	if err := p.mayLock(ctx, by, t); err != nil {
		return slipway.Lock{}, err
	}
	l, err := p.find(ctx, t)
	if err != nil {
		return l, err
	}
	if l.Actor.Person() != by.Actor.Person() && !by.CanAdminister() {
		return l, slipway.Errorf(slipway.Forbidden, "%s is locked by %s; only %s or an admin may take that away", l.Place(), l.Actor.Person(), l.Actor.Person())
	}
	now, err := p.Store.Now(ctx)
	if err != nil {
		return l, err
	}
	err = p.Store.Unlock(ctx, l, slipway.Event{
		At: now, Kind: slipway.LockReleased, Actor: by.Actor, Target: t,
		Text: fmt.Sprintf("%s unlocked %s, which %s had locked: %s", by.Actor.Person(), l.Place(), l.Actor.Person(), l.Why),
	})
	if err == nil {
		p.wake(ctx, t.Environment)
	}
	return l, err
}

func (p *Platform) find(ctx context.Context, t slipway.TargetID) (slipway.Lock, error) {
	all, err := p.Store.Locks(ctx)
	if err != nil {
		return slipway.Lock{}, err
	}
	var there []string
	for _, l := range all {
		if l.Target == t {
			return l, nil
		}
		if l.Target.Environment == t.Environment {
			there = append(there, "slipway unlock "+words(l.Target))
		}
	}
	none := slipway.Errorf(slipway.NotFound, "%s is not locked", slipway.Lock{Target: t}.Place())
	if len(there) > 0 {
		return slipway.Lock{}, none.Do("but there is: %s", strings.Join(there, " · "))
	}
	return slipway.Lock{}, none
}

// words is a target as commands have it: ENV [SERVICE].
func words(t slipway.TargetID) string {
	if t.Service == "" {
		return string(t.Environment)
	}
	return string(t.Environment) + " " + string(t.Service)
}
