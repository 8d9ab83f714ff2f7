package pipeline

import (
	"slices"

	"github.com/slipway-cd/slipway"
)

// Reaches lists the environments to which jobs may deploy that run once this
// block has been passed and before another is, in the order of environments.
// Whoever unblocks it must be allowed to change all of them.
func Reaches(b *slipway.Build, block slipway.JobID) []slipway.EnvironmentName {
	at := slices.IndexFunc(b.Jobs, func(j slipway.Job) bool { return j.ID == block })
	if at < 0 {
		return nil
	}
	needs := needsOf(b)
	before := above(needs, []int{at})
	var others []int
	for i := range b.Jobs {
		if i != at && !before[i] && b.Jobs[i].Step.Kind == slipway.StepBlock && !b.Jobs[i].State.Ended() {
			others = append(others, i)
		}
	}
	behind, held := below(needs, []int{at}), below(needs, others)
	var out []slipway.EnvironmentName
	for _, e := range way(b) {
		for i := range b.Jobs {
			j := &b.Jobs[i]
			if behind[i] && !held[i] && j.Step.Kind == slipway.StepCommand && !j.State.Ended() &&
				slices.Contains(b.Authority.Deploy[j.Step.Queue()], e.To) {
				out = append(out, e.To)
				break
			}
		}
	}
	return out
}

// Person is whom job acts for: who unblocked the nearest block before it, else
// who pushed.
func Person(b *slipway.Build, job slipway.JobID) string {
	at := slices.IndexFunc(b.Jobs, func(j slipway.Job) bool { return j.ID == job })
	if at < 0 {
		return b.Push.Actor.Person()
	}
	person := b.Push.Actor.Person()
	for i, before := range above(needsOf(b), []int{at}) {
		if before && b.Jobs[i].Unblocked != nil {
			person = b.Jobs[i].Unblocked.By.Person()
		}
	}
	return person
}

// MayDeploy lists the environments to which job may deploy: those that the
// build's authority gives its queue, as far as whoever lets it run may change
// them. Who unblocked a block before it was checked then; without one it is who
// pushed, who may have written the pipeline as well.
func MayDeploy(b *slipway.Build, job slipway.JobID) []slipway.EnvironmentName {
	at := slices.IndexFunc(b.Jobs, func(j slipway.Job) bool { return j.ID == job })
	if at < 0 {
		return nil
	}
	may := b.Authority.Deploy[b.Jobs[at].Step.Queue()]
	for i, before := range above(needsOf(b), []int{at}) {
		if before && b.Jobs[i].Unblocked != nil {
			return may
		}
	}
	within := b.Push.Environments
	if len(within) == 0 {
		return may
	}
	return slices.DeleteFunc(slices.Clone(may), func(env slipway.EnvironmentName) bool {
		return !slices.ContainsFunc(within, func(w slipway.EnvironmentName) bool { return leadsTo(way(b), env, w) })
	})
}

// way is how a release travelled when b was made. Builds of before it was kept
// knew the builtin environments only.
func way(b *slipway.Build) []slipway.Passage {
	if b.Authority.Way == nil {
		return slipway.BuiltinEnvironments.Way()
	}
	return b.Authority.Way
}

// leadsTo reports whether a release passes through env on its way to to, or is
// there: a pipeline gets nowhere without the environments before.
func leadsTo(way []slipway.Passage, env, to slipway.EnvironmentName) bool {
	for range way {
		if env == to {
			return true
		}
		i := slices.IndexFunc(way, func(p slipway.Passage) bool { return p.To == to })
		if i < 0 || way[i].From == "" {
			return false
		}
		to = way[i].From
	}
	return false
}

// above marks the steps that those at from need, directly or through others.
func above(needs [][]int, from []int) []bool {
	marked := make([]bool, len(needs))
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		for _, n := range needs[queue[0]] {
			if !marked[n] {
				marked[n] = true
				queue = append(queue, n)
			}
		}
	}
	return marked
}

// below marks the steps that need those at from, directly or through others.
func below(needs [][]int, from []int) []bool {
	needed := make([][]int, len(needs))
	for i, ns := range needs {
		for _, n := range ns {
			needed[n] = append(needed[n], i)
		}
	}
	return above(needed, from)
}
