package dispatch

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

// maxAttempts of a job: it is re-run once when it was lost.
const maxAttempts = 2

func isLive(a *slipway.Attempt) bool {
	return a.State == slipway.AttemptAssigned || a.State == slipway.AttemptRunning
}

// live is the attempt that g stands for, if it still goes on.
func live(b *slipway.Build, g slipway.JobGrant) (*slipway.Job, *slipway.Attempt, error) {
	j := b.Job(g.Job)
	if j == nil {
		return nil, nil, slipway.Errorf(slipway.NotFound, "build %s has no job %q", b.Slug(), g.Job)
	}
	a := j.Last()
	if a == nil || a.Number != g.Attempt || !isLive(a) {
		return nil, nil, slipway.Errorf(slipway.Stale, "attempt %d of %q in build %s is over: the job is %s", g.Attempt, j.Step.Title(), b.Slug(), j.State)
	}
	return j, a, nil
}

// live is the attempt that g stands for, whose agent now speaks.
func (c *change) live(g slipway.JobGrant) (*slipway.Job, *slipway.Attempt, error) {
	j, a, err := live(c.Build, g)
	if err == nil {
		c.actor = slipway.Actor{Kind: slipway.ActorAgent, Name: a.AgentName}
	}
	return j, a, err
}

// end puts j into a terminal state.
func (c *change) end(j *slipway.Job, state slipway.JobState, why string) {
	j.State, j.Why, j.FinishedAt = state, why, c.now
}

// stop tells the agent to stop j, which then ends as state.
func (c *change) stop(j *slipway.Job, state slipway.JobState, why string) {
	if a := j.Last(); !a.Canceling {
		a.Canceling, a.EndAs, a.EndBy = true, state, c.now.Add(CancelGrace)
		j.Why = why
	}
}

// lose ends an attempt that is not heard of any more, and runs the job again
// if that can do no harm.
func (c *change) lose(j *slipway.Job, why string) {
	a := j.Last()
	a.State, a.FinishedAt = slipway.AttemptLost, c.now
	c.tell(slipway.JobLost, j, "%q was lost: %s", j.Step.Title(), why)
	switch {
	case a.Canceling:
		c.end(j, a.EndAs, j.Why)
	case j.Deployed:
		c.end(j, slipway.JobFailed, why+"; it may have deployed, so it does not run again")
	case len(j.Attempts) >= maxAttempts:
		c.end(j, slipway.JobFailed, why+", for the second time")
	default:
		j.State, j.ReadyAt, j.Why = slipway.JobReady, c.now, why+"; it runs again"
	}
}

// Accept gives a ready job to an agent: from now on it has a lease to keep, and
// the token of the attempt. Accepting again, because the answer was lost, gives
// a new token in place of the old.
//
// It returns NotFound, Forbidden when the agent lacks a tag of the step, and
// Conflict when the job is not ready: another agent was faster.
func (d *Dispatch) Accept(ctx context.Context, agent slipway.AgentID, job slipway.JobID) (slipway.Assignment, error) {
	a, err := d.Store.Agent(ctx, agent)
	if err != nil {
		return slipway.Assignment{}, err
	}
	id, err := d.Store.BuildOfJob(ctx, job)
	if err != nil {
		return slipway.Assignment{}, err
	}
	token, hash := newToken("slj_")
	by := slipway.Actor{Kind: slipway.ActorAgent, Name: a.Name}
	var replaced slipway.Attempt
	b, err := d.update(ctx, id, by, func(c *change) error {
		replaced = slipway.Attempt{}
		j := c.Job(job)
		if last := j.Last(); last != nil && last.Agent == agent && last.State == slipway.AttemptAssigned {
			replaced, last.TokenHash = *last, hash
			return nil
		}
		switch {
		case j.State != slipway.JobReady:
			return slipway.Errorf(slipway.Conflict, "%q of %s is %s: not to be had", j.Step.Title(), c.Slug(), j.State)
		case !a.Matches(j.Step.Agents):
			return slipway.Errorf(slipway.Forbidden, "agent %s lacks a tag that %q of %s asks for", a.Name, j.Step.Title(), c.Slug())
		}
		j.State, j.Why = slipway.JobAssigned, ""
		j.Attempts = append(j.Attempts, slipway.Attempt{
			Number: len(j.Attempts) + 1, Agent: a.ID, AgentName: a.Name, State: slipway.AttemptAssigned,
			AssignedAt: c.now, LeaseUntil: c.now.Add(slipway.LeaseFor), TokenHash: hash,
		})
		return nil
	})
	if slipway.CodeOf(err) == slipway.Conflict {
		d.reread(ctx, id) // by another server: it is not offered again
	}
	if err != nil {
		return slipway.Assignment{}, err
	}
	d.board.hear(job, d.now())
	if replaced.TokenHash != "" {
		d.retire(ctx, replaced)
	}
	return d.assign(ctx, b, job, token, hash)
}

// assign stores the attempt's token. An answer that gets lost after that costs
// the agent one more Accept.
func (d *Dispatch) assign(ctx context.Context, b slipway.Build, job slipway.JobID, token, hash string) (slipway.Assignment, error) {
	repository, err := d.Store.Repository(ctx, b.Push.Repository)
	if err != nil {
		return slipway.Assignment{}, err
	}
	j := b.Job(job)
	err = d.Store.AddToken(ctx, slipway.Token{Hash: hash, Kind: "job", Principal: slipway.Principal{
		Actor:        slipway.Actor{Kind: slipway.ActorJob, Name: b.Slug() + " " + j.Step.Title(), For: pipeline.Person(&b, job)},
		Environments: pipeline.MayDeploy(&b, job),
		Job: &slipway.JobGrant{
			Build: b.ID, Job: job, Attempt: j.Last().Number, Repository: b.Push.Repository, Repositories: b.Repositories,
		},
	}})
	if err != nil {
		return slipway.Assignment{}, err
	}
	return slipway.Assignment{Build: b, Job: *j, Attempt: *j.Last(), Repository: repository, Token: token}, nil
}

// newToken makes 256 random bits with a prefix, and the hash that is stored of
// them.
func newToken(prefix string) (token, hash string) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails
	token = prefix + hex.EncodeToString(bits[:])
	sum := sha256.Sum256([]byte(token))
	return token, hex.EncodeToString(sum[:])
}

// Start says that the job's command runs now. Like all that is done in the name
// of an attempt, it returns Stale when the attempt is over.
func (d *Dispatch) Start(ctx context.Context, g slipway.JobGrant) error {
	_, err := d.update(ctx, g.Build, slipway.System, func(c *change) error {
		j, a, err := c.live(g)
		if err != nil || a.State == slipway.AttemptRunning {
			return err
		}
		j.State, a.State, a.StartedAt = slipway.JobRunning, slipway.AttemptRunning, c.now
		a.LeaseUntil = c.now.Add(slipway.LeaseFor)
		if c.StartedAt.IsZero() {
			c.StartedAt = c.now
		}
		return nil
	})
	d.board.hear(g.Job, d.now())
	return err
}

// Attempt tells how an attempt stands, above all whether it is to be stopped
// (Canceling). Asking extends its lease.
func (d *Dispatch) Attempt(ctx context.Context, g slipway.JobGrant) (slipway.Attempt, error) {
	b, err := d.Store.Build(ctx, g.Build)
	if err != nil {
		return slipway.Attempt{}, err
	}
	_, a, err := live(&b, g)
	if err != nil {
		return slipway.Attempt{}, err
	}
	d.board.hear(g.Job, d.now())
	if d.fresh(a) {
		return *a, nil
	}
	b, err = d.update(ctx, g.Build, slipway.System, func(c *change) error {
		_, a, err := c.live(g)
		if err == nil {
			a.LeaseUntil = c.now.Add(slipway.LeaseFor)
		}
		return err
	})
	if err != nil {
		return slipway.Attempt{}, err
	}
	return *b.Job(g.Job).Last(), nil
}

// fresh reports whether the lease of a was extended so lately that another
// write can be saved.
func (d *Dispatch) fresh(a *slipway.Attempt) bool {
	return a.LeaseUntil.Sub(d.now()) > slipway.LeaseFor-slipway.HeartbeatEvery/2
}

// Finish ends an attempt with the exit status of its command, or the signal
// that ended it. Reason is the agent's word for why, or "".
func (d *Dispatch) Finish(ctx context.Context, g slipway.JobGrant, status int, signal, reason string) error {
	_, err := d.update(ctx, g.Build, slipway.System, func(c *change) error {
		j, a, err := c.live(g)
		if err != nil {
			return err
		}
		a.State, a.FinishedAt, a.ExitStatus, a.Signal = slipway.AttemptFinished, c.now, status, signal
		switch {
		case a.Canceling:
			c.end(j, a.EndAs, j.Why)
		case status == 0 && signal == "":
			c.end(j, slipway.JobPassed, "")
		default:
			c.end(j, slipway.JobFailed, exit(status, signal, reason))
		}
		return nil
	})
	return err
}

func exit(status int, signal, reason string) string {
	why := fmt.Sprintf("exit %d", status)
	if signal != "" {
		why = "ended by " + signal
	}
	if reason != "" {
		why += " (" + words(reason) + ")"
	}
	return why
}

// MarkDeployed notes that an attempt asks for a deployment, before it gets one:
// from now on its job never runs twice. It returns Stale when the attempt is
// over.
func (d *Dispatch) MarkDeployed(ctx context.Context, g slipway.JobGrant) error {
	_, err := d.update(ctx, g.Build, slipway.System, func(c *change) error {
		j, _, err := live(c.Build, g)
		if err == nil {
			j.Deployed = true
		}
		return err
	})
	return err
}
