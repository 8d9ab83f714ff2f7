package controller

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Witness knows what routers have counted of the requests of a target's groups.
type Witness interface {
	Counted(ctx context.Context, t slipway.TargetID) []slipway.Counted
}

// Archive keeps what was looked at of a candidate. *store.Store is one.
type Archive interface {
	Evidence(ctx context.Context, d slipway.DeploymentID) (slipway.Looks, error)
	AppendEvidence(ctx context.Context, owner string, from slipway.Fence, t slipway.TargetID, d slipway.DeploymentID, behind int, more slipway.Looks) error
}

// trial is what this process knows of the candidate that is judged. It is the
// fold of what is kept, so losing it costs a reading.
type trial struct {
	deployment slipway.DeploymentID
	ledger     evidence.Ledger
	judge      *evidence.Judge
	batches    int       // kept so far
	looked     time.Time // last
	trouble    string    // why the last look saw nothing; "" when it did
	said       slipway.Verdict
	saidAt     time.Time
	over       bool // the hold was, then
}

// sayAgain is how often what the evidence says is told in other words, while it
// says the same.
const sayAgain = 10 * time.Second

// pace is how long after a look the next one comes, so that what is kept of a
// long hold stays small: each look of a verdict that takes an hour is a small
// part of what was seen before.
func pace(inStage time.Duration) time.Duration {
	switch {
	case inStage < 10*time.Second:
		return 250 * time.Millisecond
	case inStage < 5*time.Minute:
		return time.Second
	case inStage < time.Hour:
		return 5 * time.Second
	}
	return 30 * time.Second
}

// weigh looks at a candidate and at what serves beside it, keeps what it saw,
// and has the gate of the stage say what follows. It looks from the beginning of
// a deployment: how fast the stable group is has to be known before the candidate
// has traffic.
func (c *Controller) weigh(ctx context.Context, m *mind, s *slipway.State) (again time.Time, err error) {
	d := s.Deployment
	if c.Witness == nil || c.Archive == nil || d == nil || d.Phase != slipway.Progressing || !judged(d.Stages[d.At:]) {
		m.trial = nil
		return time.Time{}, nil
	}
	terms := s.Specs[d.Candidate].Revision.Evidence
	if terms == nil {
		return time.Time{}, nil
	}
	if m.trial == nil || m.trial.deployment != d.ID {
		if m.trial, err = c.reopen(ctx, *d, s.Specs[d.Candidate].Revision); err != nil {
			return time.Time{}, err
		}
	}
	now := c.now()
	next := m.trial.looked.Add(pace(now.Sub(d.Since)))
	if !now.Before(next) {
		if err := c.hearWitnesses(ctx, m, s, now); err != nil {
			m.trial = nil // what is kept is read again
			return time.Time{}, err
		}
		next = now.Add(pace(now.Sub(d.Since)))
	}
	if stage := d.Stages[d.At]; judged(d.Stages[d.At : d.At+1]) {
		grows := m.trial.ledger.Growth.Why(s.Specs[d.Candidate].Revision.Bake)
		v := rule(m.trial.judge.Verdict(), grows, d, stage, *terms, now)
		if m.trial.trouble != "" && v.State == slipway.GatePass {
			v = slipway.Verdict{State: slipway.GateInconclusive, Why: m.trial.trouble}
		}
		s.Verdicts = map[slipway.GateID]slipway.Verdict{slipway.GateEvidence: m.trial.say(v, now, !d.Held.IsZero() && !now.Before(d.Held.Add(stage.Hold)))}
	}
	return next, nil
}

// judged reports whether evidence is looked at in any of the stages.
func judged(stages []slipway.Stage) bool {
	return slices.ContainsFunc(stages, func(s slipway.Stage) bool { return slices.Contains(s.Gates, slipway.GateEvidence) })
}

// reopen reads what was kept of a candidate, and judges it again.
func (c *Controller) reopen(ctx context.Context, d slipway.Deployment, r slipway.Revision) (*trial, error) {
	looks, err := c.Archive.Evidence(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	t := &trial{deployment: d.ID, judge: evidence.Of(d, r), batches: len(looks.Batches)}
	if len(looks.Ledger) > 0 {
		if err := json.Unmarshal(looks.Ledger, &t.ledger); err != nil {
			return nil, slipway.Errorf(slipway.Internal, "the evidence of deployment %d cannot be read: %w", d.ID, err)
		}
	}
	for _, kept := range looks.Batches {
		if err := t.judge.Recall(kept); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// hearWitnesses takes what was counted since the last look, keeps it, and only
// then judges by it: whoever comes after a crash judges by the same.
func (c *Controller) hearWitnesses(ctx context.Context, m *mind, s *slipway.State, now time.Time) error {
	t, d := m.trial, s.Deployment
	look := evidence.Look{
		At: now, Stage: d.At, Weight: d.Weight, Canary: d.Candidate, Baseline: d.Stable, Except: d.Replaced,
		Counted: c.Witness.Counted(ctx, s.Target.ID), Instances: s.Groups, Sticky: s.Route != nil && s.Route.Sticky,
		Outside: c.hear(ctx, &m.asking, s, now),
	}
	if stage := d.Stages[d.At]; s.Target.Kind == slipway.Worker && !stage.Passive { // its part of the work is its part of the instances
		look.Weight = slipway.BasisPoints(int(slipway.All) * stage.New / max(stage.New+stage.Old, 1))
	}
	batches, err := t.ledger.Take(look)
	t.looked, t.trouble = now, ""
	if err != nil { // nothing was taken: what comes may be right again, and people can decide meanwhile
		t.trouble = slipway.MessageOf(err)
		return nil
	}
	if len(batches) == 0 {
		return nil
	}
	var more slipway.Looks
	if more.Ledger, err = json.Marshal(t.ledger); err != nil {
		return err
	}
	for _, b := range batches {
		text, err := json.Marshal(b)
		if err != nil {
			return err
		}
		more.Batches = append(more.Batches, text)
	}
	if err := c.Archive.AppendEvidence(ctx, c.Owner, s.Target.Fence, s.Target.ID, d.ID, t.batches, more); err != nil {
		return err
	}
	t.batches += len(batches)
	for _, b := range batches {
		if err := t.judge.Look(b); err != nil {
			return err
		}
	}
	return nil
}

// say keeps the words of a verdict for a while, so that a deployment is not
// committed anew with each request. When a hold is over, and the verdict is all that
// is waited for, it is told as it is then.
func (t *trial) say(v slipway.Verdict, now time.Time, over bool) slipway.Verdict {
	if over != t.over || v.State != t.said.State || v.Instance != t.said.Instance || v.Gist() != t.said.Gist() || now.Sub(t.saidAt) >= sayAgain {
		t.said, t.saidAt, t.over = v, now, over
	}
	return t.said
}

// rule is what the gate of a stage says to a verdict. The last weight needs proof
// that the candidate is as good, the others that it is not far worse; with all
// traffic nothing serves beside it, and no alarm is all that can be asked for; an
// alarm waits for a person where nothing served before. One that will not have enough
// memory goes no further.
func rule(v evidence.Verdict, grows string, d *slipway.Deployment, stage slipway.Stage, terms slipway.Evidence, now time.Time) slipway.Verdict {
	said := slipway.Verdict{Why: v.Why}
	alone := isAlone(stage)
	last := !judged(slices.DeleteFunc(slices.Clone(d.Stages[d.At+1:]), isAlone))
	switch v.Decision {
	case evidence.Rollback:
		said.State = slipway.GateFail
	case evidence.ReplaceInstance:
		said.State, said.Instance = slipway.GateReplace, v.Instance
	case evidence.Worse:
		said.State = slipway.GateInconclusive
	case evidence.Promote:
		said.State = slipway.GatePass
	case evidence.Continue:
		said.State = slipway.GatePass
		if last && !alone {
			said.State = slipway.GateInconclusive
		}
	case evidence.Inconclusive:
		said.State = slipway.GateInconclusive
		if alone {
			said.State = slipway.GatePass
		}
	}
	if grows != "" && said.State == slipway.GatePass {
		said.State, said.Why = slipway.GateInconclusive, grows
	}
	if over := !d.Held.IsZero() && terms.MaxHold > 0 && !now.Before(d.Held.Add(terms.MaxHold)); over && said.State == slipway.GateInconclusive {
		said.State = slipway.GateFail
		said.Why = "nothing was decided within " + terms.MaxHold.String() + ", the longest hold: " + said.Why
	}
	return said
}

// isAlone reports whether nothing serves beside the candidate in a stage.
func isAlone(s slipway.Stage) bool { return s.Weight == slipway.All || s.ByReady && s.Old == 0 }
