package dispatch

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// was is what a build was before a change, as far as events tell of it.
type was struct {
	build slipway.BuildState
	jobs  []slipway.JobState
	live  map[string]bool // attempts that went on, by the hash of their token
}

func snapshot(b *slipway.Build) was {
	w := was{build: b.State, live: map[string]bool{}}
	for i := range b.Jobs {
		j := &b.Jobs[i]
		w.jobs = append(w.jobs, j.State)
		if a := j.Last(); a != nil && isLive(a) {
			w.live[a.TokenHash] = true
		}
	}
	return w
}

// ended is an attempt that a change has ended.
type ended struct {
	slipway.Attempt
	job slipway.JobID
}

// over lists the attempts that went on before and do not any more.
func (w was) over(b *slipway.Build) (over []ended) {
	for i := range b.Jobs {
		for _, a := range b.Jobs[i].Attempts {
			if w.live[a.TokenHash] && !isLive(&a) {
				over = append(over, ended{a, b.Jobs[i].ID})
			}
		}
	}
	return over
}

// events tells what has changed: a line per job, then the build.
func (w was) events(c *change) (events []slipway.Event) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.State == w.jobs[i] {
			continue
		}
		text := fmt.Sprintf("%q %s", j.Step.Title(), words(string(j.State)))
		if j.Why != "" {
			text += ": " + j.Why
		}
		events = append(events, c.event(slipway.JobChanged, j, "%s", text))
	}
	if c.State != w.build {
		events = append(events, c.event(slipway.BuildChanged, nil, "build %s %s", c.Slug(), words(string(c.State))))
	}
	return events
}

func words(state string) string { return strings.ReplaceAll(state, "_", " ") }

func (c *change) event(kind slipway.EventKind, j *slipway.Job, format string, args ...any) slipway.Event {
	e := slipway.Event{
		At: c.now, Kind: kind, Actor: c.actor, Repository: c.Push.Repository, Build: c.Slug(), Text: fmt.Sprintf(format, args...),
	}
	if j != nil {
		e.Job = j.ID
	}
	if c.Task != nil {
		e.Target, e.Deployment = c.Task.Target, c.Task.Deployment
	}
	return e
}

// tell adds an event besides those that the states tell.
func (c *change) tell(kind slipway.EventKind, j *slipway.Job, format string, args ...any) {
	c.events = append(c.events, c.event(kind, j, format, args...))
}
