package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-cd/slipway"
)

// How often Run looks.
const (
	lookEvery   = time.Second            // for what is due
	readEvery   = 5 * time.Second        // at the store, without a hint
	readAtMost  = 100 * time.Millisecond // between two reads, whatever the hints
	startWithin = time.Minute            // of Accept: an agent that does not start a job has lost it
	recent      = 200                    // builds whose tokens are revoked again at the start
)

// due is when an attempt must be looked at: its lease ends, it should have
// started, its time is over, or it should have stopped.
func due(j *slipway.Job, a *slipway.Attempt) time.Time {
	at := a.LeaseUntil
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	switch {
	case a.Canceling:
		sooner(a.EndBy)
	case a.State == slipway.AttemptAssigned:
		sooner(a.AssignedAt.Add(startWithin))
	case j.Step.Timeout > 0:
		sooner(a.StartedAt.Add(j.Step.Timeout))
	}
	return at
}

// Run finds lost agents, enforces timeouts and keeps the board true, until ctx
// ends. Leases are extended first: an agent could not be heard while there was
// no server.
func (d *Dispatch) Run(ctx context.Context) error {
	for ; d.begin(ctx) != nil; pause(ctx, lookEvery) {
		if ctx.Err() != nil {
			return nil
		}
	}
	changed, stop := d.listen("jobs")
	defer stop()
	elsewhere, stop := d.listen("peers/jobs")
	defer stop()
	look, read := time.NewTicker(lookEvery), time.NewTicker(readEvery)
	defer look.Stop()
	defer read.Stop()
	for hinted := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-changed: // by us, most likely: the board knows then
			hinted = true
		case <-elsewhere: // agents wait here for what another server made ready
			d.read(ctx)
			pause(ctx, readAtMost)
		case <-read.C:
			hinted = true
		case <-look.C:
			if hinted {
				d.read(ctx)
				hinted = false
			}
			d.look(ctx)
		}
	}
}

func (d *Dispatch) listen(topic string) (<-chan struct{}, func()) {
	if d.Waker == nil {
		return nil, func() {}
	}
	return d.Waker.Listen(topic)
}

func pause(ctx context.Context, t time.Duration) {
	select {
	case <-time.After(t):
	case <-ctx.Done():
	}
}

func (d *Dispatch) read(ctx context.Context) {
	err := d.board.replace(func() ([]slipway.Build, error) { return d.Store.OpenBuilds(ctx) })
	if err != nil && ctx.Err() == nil {
		d.report.Error("reading the open builds", "err", err)
	}
	d.logs.keep(d.board.isLive)
}

// begin takes over what an earlier process left: leases go on from now, and
// tokens of attempts that are over end, had it died before they did.
func (d *Dispatch) begin(ctx context.Context) error {
	err := d.takeOver(ctx)
	if err != nil && ctx.Err() == nil {
		d.report.Error("taking over the open builds", "err", err)
	}
	return err
}

func (d *Dispatch) takeOver(ctx context.Context) error {
	builds, err := d.Store.Builds(ctx, "", recent)
	if err != nil {
		return err
	}
	tasks, err := d.Store.TaskBuilds(ctx, recent)
	if err != nil {
		return err
	}
	builds = append(builds, tasks...)
	for i := range builds {
		for _, j := range builds[i].Jobs {
			for _, a := range j.Attempts {
				if !isLive(&a) {
					d.retire(ctx, a)
				}
			}
		}
	}
	if err := d.board.replace(func() ([]slipway.Build, error) { return d.Store.OpenBuilds(ctx) }); err != nil {
		return err
	}
	for _, l := range d.board.attempts(func(liveAttempt, time.Time) bool { return true }) {
		if err := d.extend(ctx, l.grant); err != nil {
			return err
		}
		d.board.hear(l.grant.Job, d.now())
	}
	agents, err := d.Store.Agents(ctx)
	for _, a := range agents {
		if a.State == slipway.AgentConnected {
			d.see(a.ID, d.now())
		}
	}
	return err
}

// look does what is due.
func (d *Dispatch) look(ctx context.Context) {
	now := d.now()
	for _, a := range d.retiring.take() {
		d.retire(ctx, a)
	}
	for _, l := range d.board.attempts(func(l liveAttempt, _ time.Time) bool { return !now.Before(l.due) }) {
		if err := d.settle(ctx, l.grant); err != nil && slipway.CodeOf(err) != slipway.Stale {
			d.report.Error("settling an attempt", "build", l.grant.Build, "job", l.grant.Job, "err", err)
		}
	}
	for _, id := range d.agents.silent(now.Add(-slipway.LeaseFor)) {
		if err := d.loseAgent(ctx, id, now); err != nil {
			d.report.Error("marking an agent lost", "agent", id, "err", err)
		}
	}
}

// settle does what is due for one attempt, by the truth of the store.
func (d *Dispatch) settle(ctx context.Context, g slipway.JobGrant) error {
	_, err := d.update(ctx, g.Build, slipway.System, func(c *change) error {
		j, a, err := live(c.Build, g)
		if err != nil {
			return err
		}
		switch {
		case !c.now.Before(a.LeaseUntil):
			c.lose(j, fmt.Sprintf("its agent %s was not heard of for %s", a.AgentName, slipway.LeaseFor))
		case a.Canceling && !c.now.Before(a.EndBy):
			a.State, a.FinishedAt = slipway.AttemptLost, c.now
			c.end(j, a.EndAs, fmt.Sprintf("%s; its agent %s did not say that it stopped", j.Why, a.AgentName))
		case a.State == slipway.AttemptAssigned && !a.Canceling && !c.now.Before(a.AssignedAt.Add(startWithin)):
			c.lose(j, fmt.Sprintf("its agent %s did not start it within %s", a.AgentName, startWithin))
		case a.State == slipway.AttemptRunning && j.Step.Timeout > 0 && !c.now.Before(a.StartedAt.Add(j.Step.Timeout)):
			c.stop(j, slipway.JobTimedOut, fmt.Sprintf("not done within %s", minutes(j.Step.Timeout)))
		}
		return nil
	})
	return err
}

func minutes(t time.Duration) string {
	switch {
	case t == time.Minute:
		return "1 minute"
	case t%time.Minute != 0:
		return t.String()
	}
	return fmt.Sprintf("%d minutes", int(t.Minutes()))
}

// silent lists the agents that were last heard before, and forgets them.
func (r *roll) silent(before time.Time) (out []slipway.AgentID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, at := range r.seen {
		if at.Before(before) {
			out = append(out, id)
			delete(r.seen, id)
		}
	}
	return out
}

// loseAgent notes that an agent was lost, unless it speaks to another server.
func (d *Dispatch) loseAgent(ctx context.Context, id slipway.AgentID, now time.Time) error {
	a, err := d.Store.Agent(ctx, id)
	if err != nil || a.State != slipway.AgentConnected {
		return err
	}
	if now.Sub(a.LastSeen) < slipway.LeaseFor {
		d.see(id, a.LastSeen)
		return nil
	}
	a.State = slipway.AgentLost
	return d.Store.SaveAgent(ctx, a, slipway.Event{
		At: now, Kind: slipway.AgentLostEv, Actor: slipway.System, Text: "agent " + a.Name + " of queue " + string(a.Queue) + " was lost",
	})
}
