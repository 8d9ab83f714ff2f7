package controller

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones mean the same on machines that have no list of them

	"github.com/slipway-cd/slipway"
)

// judgeFreeze waits while the environment is frozen. Going back to what has
// served before is never held.
func (p plea) judgeFreeze(h *hearing) (slipway.Verdict, error) {
	if p.gone != nil {
		return waits(slipway.MessageOf(p.gone)), nil
	}
	text, until, err := Frozen(p.env, p.now)
	if err != nil {
		return slipway.Verdict{}, err
	}
	if text == "" {
		return passes("no freeze"), nil
	}
	h.wakeAt(until)
	switch {
	case p.returns():
		return passes(text + "; a freeze never stops a rollback"), nil
	case p.Override != "":
		return passes(fmt.Sprintf("overridden by %s (%s): %s", p.Actor.Person(), p.Override, text)), nil
	}
	return waits(text + "; override: " + p.again() + " --override --why TEXT"), nil
}

// again is the command that asks for p once more.
func (p plea) again() string {
	if p.Kind == slipway.KindDeploy {
		return fmt.Sprintf("slipway deploy %s %s@%d", p.Target.Environment, p.Target.Service, p.Release)
	}
	return fmt.Sprintf("slipway %s %s %s", p.Kind, p.Target.Service, p.Target.Environment)
}

// Frozen says why, and until when, an environment is frozen at now; of several
// freezes the one that ends last. It is "" when it is not.
func Frozen(env slipway.Environment, now time.Time) (text string, until time.Time, err error) {
	for _, f := range env.Freezes {
		zone, err := time.LoadLocation(f.Zone)
		if err != nil {
			return "", until, slipway.Errorf(slipway.Internal, "the freeze %q of %s: %w", f.Why, env.Name, err)
		}
		end, holds := span(f, now.In(zone))
		if !holds || !end.After(until) {
			continue
		}
		until = end
		layout := "Mon 15:04"
		if f.Weekly == nil {
			layout = "2 Jan 2006 15:04"
		}
		text = fmt.Sprintf("%s is frozen until %s %s: %s", env.Name, end.In(zone).Format(layout), zone, f.Why)
	}
	return text, until, nil
}

// span says until when f holds at now, which is in its zone.
func span(f slipway.Freeze, now time.Time) (until time.Time, holds bool) {
	from, until := f.From, f.Until
	if f.Weekly != nil {
		from = last(f.Weekly.From, now)
		until = next(f.Weekly.Until, from)
	}
	return until, !now.Before(from) && now.Before(until)
}

// last is when m was last, now included. Days are counted by the calendar: some
// have 23 hours.
func last(m slipway.Moment, now time.Time) time.Time {
	at := on(m, now, -((int(now.Weekday()) - int(m.Day) + 7) % 7))
	if at.After(now) {
		at = on(m, now, -7)
	}
	return at
}

// next is when m is first after a moment.
func next(m slipway.Moment, after time.Time) time.Time {
	at := on(m, after, (int(m.Day)-int(after.Weekday())+7)%7)
	if !at.After(after) {
		at = on(m, after, 7)
	}
	return at
}

// on is the time of m so many days from the day of t.
func on(m slipway.Moment, t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, m.Minute/60, m.Minute%60, 0, 0, t.Location())
}

// clock writes a moment by the clock of this machine, with its day unless that
// is the day of since.
func clock(t, since time.Time) string {
	t, since = t.Local(), since.Local()
	if t.YearDay() == since.YearDay() && t.Year() == since.Year() {
		return t.Format("15:04 MST")
	}
	return t.Format("Mon 2 Jan 15:04 MST")
}
