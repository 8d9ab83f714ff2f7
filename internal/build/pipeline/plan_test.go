package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func newBuild(ref string, steps []slipway.Step) *slipway.Build {
	b := &slipway.Build{State: slipway.BuildRunning, Push: slipway.Push{Repository: "r", Ref: ref, Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}}}
	for i, s := range steps {
		b.Jobs = append(b.Jobs, slipway.Job{ID: slipway.JobID(fmt.Sprint(i)), Step: s, State: slipway.JobWaiting})
	}
	return b
}

// states writes the build as "state: a b c", one letter and more for each job.
func states(b *slipway.Build) string {
	out := []string{string(b.State) + ":"}
	for _, j := range b.Jobs {
		out = append(out, string(j.State))
	}
	return strings.Join(out, " ")
}

// TestStories moves builds by hand: "1=passed" says what became of job 1.
func TestStories(t *testing.T) {
	design := "- command: test\n- wait\n- command: push\n  branches: master\n- wait\n- command: deploy\n  branches: master\n- block\n- command: prod\n  branches: master"
	for name, c := range map[string]struct {
		text, ref string
		story     []string // alternating: expected states, a move
	}{
		"the pipeline of the design": {design, "refs/heads/master", []string{
			"running: ready waiting waiting waiting waiting waiting waiting", "0=passed",
			"running: passed passed ready waiting waiting waiting waiting", "2=passed",
			"running: passed passed passed passed ready waiting waiting", "4=passed",
			"blocked: passed passed passed passed passed blocked waiting", "5=passed",
			"running: passed passed passed passed passed passed ready", "6=passed",
			"passed: passed passed passed passed passed passed passed"}},
		"on another branch it ends after its tests": {design, "refs/heads/x$(id>&2)", []string{
			"running: ready waiting skipped waiting skipped skipped skipped", "0=passed",
			"passed: passed passed skipped passed skipped skipped skipped"}},
		"a failure breaks what is below": {design, "refs/heads/master", []string{
			"running: ready waiting waiting waiting waiting waiting waiting", "0=failed",
			"failed: failed broken broken broken broken broken broken"}},
		"a block at the end stays": {"- command: a\n- block", "refs/heads/x", []string{
			"running: ready waiting", "0=passed", "blocked: passed blocked"}},
		"a tag has no branch": {"- command: a\n  branches: '*'\n- command: b\n  branches: '!main'", "refs/tags/v1", []string{
			"running: skipped ready"}},
		"depends_on goes past a wait": {"- command: a\n  key: a\n- wait\n- command: b\n  depends_on: ~\n- command: c\n  depends_on: a\n- command: d", "refs/heads/x", []string{
			"running: ready waiting ready waiting waiting", "0=passed",
			"running: passed passed ready ready ready"}},
		"a failure that is allowed": {"- command: a\n  key: a\n- command: b\n  depends_on: [{step: a, allow_failure: true}]\n- command: c\n  depends_on: a", "refs/heads/x", []string{
			"running: ready waiting waiting", "0=failed", "running: failed ready broken", "1=passed", "failed: failed passed broken"}},
		"a wait that is left out holds as the one above it": {"- command: a\n- wait\n- wait: ~\n  branches: x\n- command: b", "refs/heads/y", []string{
			"running: ready waiting skipped waiting"}},
		"others run while one waits for a person": {"- block: ok?\n- command: b\n- command: c\n  depends_on: ~", "refs/heads/y", []string{
			"running: blocked waiting ready", "2=failed", "blocked: blocked waiting failed"}},
		"cancel wins": {"- command: a\n- command: b", "refs/heads/y", []string{
			"running: ready ready", "0=failed", "running: failed ready", "1=canceled", "canceled: failed canceled"}},
		"nothing to do": {"- command: a\n  branches: main", "refs/heads/y", []string{"passed: skipped"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuild(c.ref, parse(t, c.text).Steps)
			for i, line := range c.story {
				if i%2 == 0 {
					pipeline.Next(b, now)
					if got := states(b); got != line {
						t.Fatalf("line %d\ngot  %s\nwant %s", i, got, line)
					}
					if changed := pipeline.Next(b, now); changed != nil {
						t.Fatalf("planning again changed %v", changed)
					}
					continue
				}
				id, state, _ := strings.Cut(line, "=")
				b.Job(slipway.JobID(id)).State = slipway.JobState(state)
			}
		})
	}
}

func TestBranchPatterns(t *testing.T) {
	for _, c := range []struct {
		patterns, branch string
		want             bool
	}{
		{"", "any", true}, {"master", "master", true}, {"master", "masterful", false}, {"feature/*", "feature/a/b", true},
		{"feature/*", "feature", false}, {"*-fix", "a-fix", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {"a*a", "a", false},
		{"master !master", "master", false}, {"!master", "dev", true}, {"!master", "master", false}, {"!rel/*", "rel/1", false},
		{"dev main", "main", true}, {"*", "x$(id>&2)", true}, {"x$(id>&2)", "x$(id>&2)", true}, {"m?in", "main", false},
	} {
		b := newBuild("refs/heads/"+c.branch, []slipway.Step{{Kind: slipway.StepCommand, Branches: c.patterns}})
		pipeline.Next(b, now)
		if got := b.Jobs[0].State == slipway.JobReady; got != c.want {
			t.Errorf("%q on %q runs: %v", c.patterns, c.branch, got)
		}
	}
}

func TestReachesAndPerson(t *testing.T) {
	b := newBuild("refs/heads/main", parse(t, `
- block: one
- command: a
  agents: {queue: test}
- block: two
- wait
- command: b
  agents: {queue: production}
- command: c
  depends_on: ~
  agents: {queue: production}
`).Steps)
	b.Authority.Deploy = map[slipway.Queue][]slipway.EnvironmentName{"test": {"test"}, "production": {"prod"}}
	if got := pipeline.Reaches(b, "0"); !slices.Equal(got, []slipway.EnvironmentName{"test"}) {
		t.Errorf("one reaches %v", got)
	}
	if got := pipeline.Reaches(b, "2"); !slices.Equal(got, []slipway.EnvironmentName{"prod"}) {
		t.Errorf("two reaches %v", got)
	}
	b.Jobs[0].Unblocked = &slipway.Unblock{By: slipway.Actor{Name: "jon"}}
	b.Jobs[2].Unblocked = &slipway.Unblock{By: slipway.Actor{Name: "ada"}}
	for job, want := range map[slipway.JobID]string{"1": "jon", "4": "ada", "5": "mei"} {
		if got := pipeline.Person(b, job); got != want {
			t.Errorf("job %s acts for %s, want %s", job, got, want)
		}
	}
}

// Who may not change an environment cannot have a pipeline do it that they
// wrote themselves.
func TestWhoPushesDeploysNoFurtherThanTheyMay(t *testing.T) {
	b := newBuild("refs/heads/main", parse(t, `
- command: a
  agents: {queue: test}
- command: b
  agents: {queue: production}
- block: sure
  branches: "!main"
- command: c
  agents: {queue: production}
- block: really
- command: d
  agents: {queue: production}
- command: e
  agents: {queue: other}
`).Steps)
	b.Authority.Deploy = map[slipway.Queue][]slipway.EnvironmentName{"test": {"test"}, "production": {"prod"}}
	pipeline.Next(b, time.Now())
	b.Jobs[4].Unblocked = &slipway.Unblock{By: slipway.Actor{Name: "ada"}}
	for _, tt := range []struct {
		within []slipway.EnvironmentName
		want   string
	}{
		{nil, "0:test 1:prod 3:prod 5:prod"},
		{[]slipway.EnvironmentName{"test", "prod"}, "0:test 1:prod 3:prod 5:prod"},
		{[]slipway.EnvironmentName{"test"}, "0:test 5:prod"},               // a block that was left out was passed by nobody
		{[]slipway.EnvironmentName{"prod"}, "0:test 1:prod 3:prod 5:prod"}, // by way of test
	} {
		b.Push.Environments = tt.within
		var got []string
		for _, j := range b.Jobs {
			for _, env := range pipeline.MayDeploy(b, j.ID) {
				if j.Step.Kind == slipway.StepCommand {
					got = append(got, fmt.Sprintf("%s:%s", j.ID, env))
				}
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("limited to %v: %v, want %s", tt.within, got, tt.want)
		}
	}
}

// anySteps draws a pipeline whose dependencies point anywhere; circles are
// left to Parse, so that they point up or over a step that needs nothing.
func anySteps(t *rapid.T) []slipway.Step {
	n := rapid.IntRange(1, 12).Draw(t, "steps")
	steps := make([]slipway.Step, n)
	for i := range steps {
		s := slipway.Step{Key: fmt.Sprint("k", i), Kind: rapid.SampledFrom([]slipway.StepKind{"command", "command", "command", "wait", "block"}).Draw(t, "kind")}
		s.Branches = rapid.SampledFrom([]string{"", "", "", "main", "!main", "dev"}).Draw(t, "branches")
		switch rapid.IntRange(0, 5).Draw(t, "order") {
		case 0:
			s.NoDepends = true
		case 1:
			for j := range i {
				if rapid.Bool().Draw(t, "needs") {
					s.DependsOn = append(s.DependsOn, fmt.Sprint("k", j))
					if rapid.IntRange(0, 3).Draw(t, "allow") == 0 {
						s.AllowFailure = append(s.AllowFailure, fmt.Sprint("k", j))
					}
				}
			}
		}
		steps[i] = s
	}
	return steps
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBuild("refs/heads/main", anySteps(t))
		ended := map[slipway.JobID]slipway.JobState{}
		for range 4 * len(b.Jobs) {
			pipeline.Next(b, now)
			for i := range b.Jobs {
				j := &b.Jobs[i]
				if was, ok := ended[j.ID]; ok && was != j.State {
					t.Fatalf("job %d went from %s to %s", i, was, j.State)
				}
				if j.State.Ended() {
					ended[j.ID] = j.State
				}
				if j.State == slipway.JobReady {
					checkNeeds(t, b, i)
				}
			}
			var movable []int
			for i := range b.Jobs {
				if s := b.Jobs[i].State; s == slipway.JobReady || s == slipway.JobBlocked {
					movable = append(movable, i)
				}
			}
			if len(movable) == 0 {
				break
			}
			j := &b.Jobs[rapid.SampledFrom(movable).Draw(t, "move")]
			j.State = rapid.SampledFrom([]slipway.JobState{"passed", "passed", "passed", "failed", "timed_out", "canceled"}).Draw(t, "as")
		}
		if !b.State.Ended() {
			t.Fatalf("all jobs ended but not the build: %s", states(b))
		}
		end := states(b)
		if pipeline.Next(b, now) != nil || states(b) != end {
			t.Fatalf("%s became %s", end, states(b))
		}
	})
}

// checkNeeds holds a ready job to the words of the format, said another way
// than the planner does.
func checkNeeds(t *rapid.T, b *slipway.Build, i int) {
	s := b.Jobs[i].Step
	if s.NoDepends {
		return
	}
	for k := range b.Jobs {
		need := &b.Jobs[k]
		asked := slices.Contains(s.DependsOn, need.Step.Key)
		allowed := slices.Contains(s.AllowFailure, need.Step.Key)
		switch {
		case asked && !need.State.Ended(), asked && !allowed && !need.State.Satisfied():
			t.Fatalf("job %d is ready although %d is %s", i, k, need.State)
		case s.DependsOn == nil && k < i && need.Step.Kind != slipway.StepCommand && !need.State.Satisfied():
			gate := slices.IndexFunc(b.Jobs[k+1:i], func(j slipway.Job) bool {
				return j.Step.Kind != slipway.StepCommand && j.State != slipway.JobSkipped
			})
			if gate < 0 {
				t.Fatalf("job %d is ready although the gate %d is %s", i, k, need.State)
			}
		}
	}
}
