package pipeline

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Next moves build b as far as it goes by itself at now, and reports which jobs
// it changed, in the order of the pipeline. Jobs that agents run and blocks
// that wait for a person are moved by others; call Next after each such move.
// Calling it again changes nothing, and a build that has ended stays as it is.
func Next(b *slipway.Build, now time.Time) (changed []slipway.JobID) {
	if b.State.Ended() {
		return nil
	}
	before := make([]slipway.JobState, len(b.Jobs))
	for i := range b.Jobs {
		before[i] = b.Jobs[i].State
	}
	skipByBranch(b, now)
	skipIdleBlocks(b, now)
	needs := needsOf(b)
	for moved := true; moved; {
		moved = false
		for i := range b.Jobs {
			if b.Jobs[i].State == slipway.JobWaiting {
				moved = step(b, i, needs[i], now) || moved
			}
		}
	}
	for i := range b.Jobs {
		if b.Jobs[i].State != before[i] {
			changed = append(changed, b.Jobs[i].ID)
		}
	}
	if b.State = overall(b); b.State.Ended() {
		b.FinishedAt = now
	}
	return changed
}

func needsOf(b *slipway.Build) [][]int {
	steps := make([]slipway.Step, len(b.Jobs))
	for i := range b.Jobs {
		steps[i] = b.Jobs[i].Step
	}
	return needs(steps, func(i int) bool { return b.Jobs[i].State == slipway.JobSkipped })
}

func end(j *slipway.Job, state slipway.JobState, why string, now time.Time) {
	j.State, j.Why, j.FinishedAt = state, why, now
}

func skipByBranch(b *slipway.Build, now time.Time) {
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.State != slipway.JobWaiting || matchBranch(j.Step.Branches, b.Push.Branch()) {
			continue
		}
		what := fmt.Sprintf("branch %q", b.Push.Branch())
		if b.Push.Branch() == "" {
			what = "a tag, which has no branch"
		}
		end(j, slipway.JobSkipped, fmt.Sprintf("only on %s; this is %s", j.Step.Branches, what), now)
	}
}

// skipIdleBlocks leaves out blocks behind which the build runs nothing, so that
// a build of another branch ends rather than waits for a person for nothing. A
// block that ends the pipeline was meant as it is.
func skipIdleBlocks(b *slipway.Build, now time.Time) {
	commands := func(with func(slipway.JobState) bool) (out []int) {
		for i := range b.Jobs {
			if b.Jobs[i].Step.Kind == slipway.StepCommand && with(b.Jobs[i].State) {
				out = append(out, i)
			}
		}
		return out
	}
	needs := needsOf(b)
	before := above(needs, commands(func(slipway.JobState) bool { return true }))
	used := above(needs, commands(func(s slipway.JobState) bool { return s != slipway.JobSkipped }))
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.Step.Kind == slipway.StepBlock && j.State == slipway.JobWaiting && before[i] && !used[i] {
			end(j, slipway.JobSkipped, "nothing behind it runs in this build", now)
		}
	}
}

// step moves one waiting job, if what it needs has been decided.
func step(b *slipway.Build, i int, needs []int, now time.Time) bool {
	j, all := &b.Jobs[i], true
	for _, n := range needs {
		need := &b.Jobs[n]
		switch {
		case !need.State.Ended():
			all = false
		case need.State.Satisfied() || slices.Contains(j.Step.AllowFailure, need.Step.Key):
		default:
			end(j, slipway.JobBroken, fmt.Sprintf("%q %s", need.Step.Title(), past(need.State)), now)
			return true
		}
	}
	if !all {
		return false
	}
	switch j.Step.Kind {
	case slipway.StepWait:
		end(j, slipway.JobPassed, "", now)
	case slipway.StepBlock:
		j.State = slipway.JobBlocked
	case slipway.StepCommand:
		j.State, j.ReadyAt = slipway.JobReady, now
	}
	return true
}

func past(s slipway.JobState) string {
	switch s {
	case slipway.JobTimedOut:
		return "timed out"
	case slipway.JobCanceled:
		return "was canceled"
	case slipway.JobBroken:
		return "did not run"
	default:
		return string(s)
	}
}

// overall is what the jobs make of the build.
func overall(b *slipway.Build) slipway.BuildState {
	state := slipway.BuildPassed
	open, blocked := false, false
	for i := range b.Jobs {
		switch s := b.Jobs[i].State; {
		case s == slipway.JobBlocked:
			blocked = true
		case s == slipway.JobWaiting: // for one of the others
		case !s.Ended():
			open = true
		case s == slipway.JobCanceled:
			state = slipway.BuildCanceled
		case !s.Satisfied() && state != slipway.BuildCanceled:
			state = slipway.BuildFailed
		}
	}
	switch {
	case open:
		return slipway.BuildRunning
	case blocked:
		return slipway.BuildBlocked
	}
	return state
}
