package dispatch_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
)

const one = "- command: a\n  label: A\n  agents: {queue: test}\n  timeout_in_minutes: 5"

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func TestTheWayOfABuild(t *testing.T) {
	w := newWorld(t, design)
	b := w.push("refs/heads/master")
	test, production := w.agent("test"), w.agent("production")
	w.finish(w.run(test), 0)
	a := w.take(test)
	p, err := w.store.TokenPrincipal(t.Context(), hash(a.Token))
	if err != nil {
		t.Fatal(err)
	}
	if p.Actor != (slipway.Actor{Kind: slipway.ActorJob, Name: "backend/1 Deploy To Test", For: "mei"}) || !slices.Equal(p.Environments, []slipway.EnvironmentName{"test"}) {
		t.Errorf("the job's token is %+v", p)
	}
	if !p.CanFetch("build-scripts") || p.CanFetch("other") || p.CanUnblock(nil) {
		t.Errorf("the job's token may fetch %v", p.Job.Repositories)
	}
	w.finish(grant(a), 0)
	_, err = w.store.TokenPrincipal(t.Context(), hash(a.Token))
	wantCode(t, err, slipway.Unauthenticated, "")
	w.want(b.ID, "blocked: passed passed passed blocked waiting")

	jon := slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "jon"}, Role: slipway.Deployer, Environments: []slipway.EnvironmentName{"test"}}
	_, err = w.Unblock(t.Context(), b.ID, "", jon)
	wantCode(t, err, slipway.Forbidden, "jon may not change prod")
	_, err = w.Unblock(t.Context(), b.ID, "", p)
	wantCode(t, err, slipway.Forbidden, "a job never unblocks")
	_, err = w.Unblock(t.Context(), b.ID, "", slipway.Principal{Actor: jon.Actor, Role: slipway.Viewer})
	wantCode(t, err, slipway.Forbidden, "jon may look but not unblock")
	ada := slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "ada"}, Role: slipway.Admin}
	if _, err = w.Unblock(t.Context(), b.ID, "", ada); err != nil {
		t.Fatal(err)
	}
	_, err = w.Unblock(t.Context(), b.ID, b.Jobs[3].ID, ada)
	wantCode(t, err, slipway.Conflict, "ada has unblocked build backend/1 already")

	a = w.take(production)
	p, _ = w.store.TokenPrincipal(t.Context(), hash(a.Token))
	if p.Actor.For != "ada" || !p.CanDeploy("prod") || p.CanDeploy("test") {
		t.Errorf("production's job acts as %+v", p)
	}
	w.finish(grant(a), 0)
	w.want(b.ID, "passed: passed passed passed passed passed")
	_, err = w.Unblock(t.Context(), b.ID, "", ada)
	wantCode(t, err, slipway.Conflict, "build backend/1 is not blocked: it has passed")
	w.wantEvents(b, "build.created", "job.changed: \"Run my tests\" running", "job.unblocked: ada unblocked backend/1", "build.changed: build backend/1 passed")
}

func (w *world) wantEvents(b slipway.Build, lines ...string) {
	w.t.Helper()
	events, err := w.store.Events(w.t.Context(), 0, slipway.EventFilter{Build: b.Slug()}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, string(e.Kind)+": "+e.Text)
	}
	at := 0
	for _, g := range got {
		if at < len(lines) && strings.HasPrefix(g, lines[at]) {
			at++
		}
	}
	if at < len(lines) {
		w.t.Errorf("no event %q in\n%s", lines[at], strings.Join(got, "\n"))
	}
}

func TestManyAgentsNeverShareAJob(t *testing.T) {
	w := newWorld(t, strings.Repeat("- command: a\n  agents: {queue: test}\n", 40))
	b := w.push("refs/heads/master")
	var mu sync.Mutex
	runs := map[slipway.JobID]int{}
	var order []slipway.JobID
	var wg sync.WaitGroup
	for range 8 {
		agent := w.agent("test")
		wg.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				job, err := w.Ping(ctx, agent)
				cancel()
				if err != nil || job == "" {
					return
				}
				a, err := w.Accept(t.Context(), agent, job)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				runs[job]++
				order = append(order, job)
				mu.Unlock()
				if err := w.Finish(t.Context(), grant(a), 0, "", ""); err != nil {
					t.Error(err)
				}
				if w.states(b.ID)[:6] == "passed" {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, j := range b.Jobs {
		if runs[j.ID] != 1 {
			t.Errorf("a job ran %d times", runs[j.ID])
		}
	}
}

func TestJobsComeInOrder(t *testing.T) {
	w := newWorld(t, "- command: a\n  agents: {queue: test}\n- command: b\n  agents: {queue: test}\n- command: c\n  agents: {queue: production}")
	first, second := w.push("refs/heads/master"), w.push("refs/heads/other")
	agent := w.agent("test")
	for i, want := range []slipway.JobID{first.Jobs[0].ID, first.Jobs[1].ID, second.Jobs[0].ID, second.Jobs[1].ID} {
		if a := w.take(agent); a.Job.ID != want {
			t.Fatalf("job %d came out of turn", i)
		} else {
			w.finish(grant(a), 0)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if job, err := w.Ping(ctx, agent); job != "" || err != nil {
		t.Errorf("a job of another queue: %q %v", job, err)
	}
	_, err := w.Accept(t.Context(), agent, first.Jobs[2].ID)
	wantCode(t, err, slipway.Forbidden, "lacks a tag")
}

func TestTheWrongQueueIsRefused(t *testing.T) {
	w := newWorld(t, one)
	test := slipway.Principal{Queues: []slipway.Queue{"test"}}
	_, _, err := w.Register(t.Context(), test, slipway.Agent{Name: "a", Tags: map[string]string{"queue": "production"}})
	wantCode(t, err, slipway.Forbidden, `this token is for agents of queue test, not "production"`)
	_, _, err = w.Register(t.Context(), mei, slipway.Agent{Name: "a"})
	wantCode(t, err, slipway.Forbidden, "does not register agents")
	a, _, err := w.Register(t.Context(), test, slipway.Agent{Name: "a"})
	if err != nil || a.Queue != "test" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestAcceptingAgainReplacesTheToken(t *testing.T) {
	w := newWorld(t, one)
	b := w.push("refs/heads/master")
	agent, other := w.agent("test"), w.agent("test")
	a := w.take(agent)
	again, err := w.Accept(t.Context(), agent, a.Job.ID)
	if err != nil || again.Attempt.Number != 1 || again.Token == a.Token {
		t.Fatalf("%+v %v", again.Attempt, err)
	}
	_, err = w.store.TokenPrincipal(t.Context(), hash(a.Token))
	wantCode(t, err, slipway.Unauthenticated, "")
	_, err = w.Accept(t.Context(), other, a.Job.ID)
	wantCode(t, err, slipway.Conflict, "is assigned: not to be had")
	w.finish(grant(again), 3)
	w.want(b.ID, "failed: failed")
	wantCode(t, w.Finish(t.Context(), grant(again), 0, "", ""), slipway.Stale, "attempt 1 of")
}

// inBubble runs a world with a running Dispatch in time that only passes when
// all wait.
func inBubble(t *testing.T, text string, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, text)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		f(t, w)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestALostJobRunsOnceMore(t *testing.T) {
	inBubble(t, one, func(t *testing.T, w *world) {
		b := w.push("refs/heads/master")
		lost := w.agent("test")
		a := w.take(lost)
		g := grant(a)
		if err := w.Start(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		other := w.agent("test")
		began := time.Now()
		var job slipway.JobID
		for job == "" {
			if err := w.Heartbeat(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			job, _ = w.Ping(t.Context(), other)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("the lost agent was found after %s", took)
		}
		for what, err := range map[string]error{
			"finish": w.Finish(t.Context(), g, 0, "", ""), "start": w.Start(t.Context(), g), "log": w.AppendLog(t.Context(), g, 1, 0, []byte("x")),
		} {
			if slipway.CodeOf(err) != slipway.Stale {
				t.Errorf("a late %s: %v", what, err)
			}
		}
		_, err := w.store.TokenPrincipal(t.Context(), hash(a.Token))
		wantCode(t, err, slipway.Unauthenticated, "")
		second, err := w.Accept(t.Context(), other, job)
		if err != nil || second.Attempt.Number != 2 {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Second)
		if a, err := w.store.Agent(t.Context(), lost); err != nil || a.State != slipway.AgentLost {
			t.Errorf("the agent is %s: %v", a.State, err)
		}
		w.want(b.ID, "failed: failed")
		w.wantEvents(b, "job.lost: \"A\" was lost: its agent agent-test was not heard of for 25s", "job.lost", "job.changed: \"A\" failed", "build.changed: build backend/1 failed")
	})
}

func TestAJobThatMayHaveDeployedNeverRunsTwice(t *testing.T) {
	inBubble(t, one, func(t *testing.T, w *world) {
		b := w.push("refs/heads/master")
		g := w.run(w.agent("test"))
		if err := w.MarkDeployed(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		w.want(b.ID, "failed: failed")
		wantCode(t, w.MarkDeployed(t.Context(), g), slipway.Stale, "is over")
	})
}

func TestAnAgentThatIsHeardKeepsItsJob(t *testing.T) {
	inBubble(t, strings.ReplaceAll(one, "timeout_in_minutes: 5", ""), func(t *testing.T, w *world) {
		b := w.push("refs/heads/master")
		agent := w.agent("test")
		g := w.run(agent)
		for i := range 60 {
			time.Sleep(slipway.HeartbeatEvery)
			var err error
			if i%20 < 10 { // either will do
				err = w.Heartbeat(t.Context(), agent)
			} else {
				_, err = w.Attempt(t.Context(), g)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		w.finish(g, 0)
		w.want(b.ID, "passed: passed")
	})
}

func TestARestartExtendsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, one)
		b := w.push("refs/heads/master")
		g := w.run(w.agent("test"))
		time.Sleep(2 * time.Minute) // without a server
		ctx, cancel := context.WithCancel(t.Context())
		next := w.another()
		done := make(chan error)
		go func() { done <- next.Run(ctx) }()
		time.Sleep(20 * time.Second)
		if err := next.AppendLog(t.Context(), g, 1, 0, []byte("still here\n")); err != nil {
			t.Fatal(err)
		}
		next.finish(g, 0)
		w.want(b.ID, "passed: passed")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTimeouts(t *testing.T) {
	for name, polite := range map[string]bool{"an agent that stops": true, "an agent that does not": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, one, func(t *testing.T, w *world) {
				b := w.push("refs/heads/master")
				agent := w.agent("test")
				g := w.run(agent)
				for range 64 {
					time.Sleep(slipway.HeartbeatEvery)
					if err := w.Heartbeat(t.Context(), agent); err != nil {
						t.Fatal(err)
					}
					if a, err := w.Attempt(t.Context(), g); err == nil && a.Canceling && polite {
						if took := time.Since(a.StartedAt); took < 5*time.Minute || took > 5*time.Minute+10*time.Second {
							t.Errorf("stopped after %s", took)
						}
						w.finish(g, 0)
						break
					}
				}
				time.Sleep(dispatch.CancelGrace)
				w.want(b.ID, "failed: timed_out")
			})
		})
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t, "- command: a\n  agents: {queue: test}\n- command: b\n  agents: {queue: test}\n- block")
	b := w.push("refs/heads/master")
	g := w.run(w.agent("test"))
	_, err := w.Cancel(t.Context(), b.ID, slipway.Principal{Role: slipway.Viewer})
	wantCode(t, err, slipway.Forbidden, "")
	if _, err := w.Cancel(t.Context(), b.ID, mei); err != nil {
		t.Fatal(err)
	}
	w.want(b.ID, "running: running canceled canceled")
	if a, err := w.Attempt(t.Context(), g); err != nil || !a.Canceling {
		t.Fatalf("%+v %v", a, err)
	}
	w.finish(g, 143)
	w.want(b.ID, "canceled: canceled canceled canceled")
	_, err = w.Cancel(t.Context(), b.ID, mei)
	wantCode(t, err, slipway.Conflict, "build backend/1 was canceled")
}

func TestAnAgentThatLeavesLosesItsJob(t *testing.T) {
	w := newWorld(t, one)
	b := w.push("refs/heads/master")
	agent := w.agent("test")
	w.run(agent)
	if err := w.Disconnect(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	w.want(b.ID, "running: ready")
	w.finish(w.run(w.agent("test")), 0)
	w.want(b.ID, "passed: passed")
}

func TestAnIdleAgentHasLostItsJob(t *testing.T) {
	inBubble(t, one, func(t *testing.T, w *world) {
		b := w.push("refs/heads/master")
		agent := w.agent("test")
		first := w.take(agent) // and the answer never came
		for range 5 {
			time.Sleep(4 * time.Second)
			if err := w.Heartbeat(t.Context(), agent); err != nil {
				t.Fatal(err)
			}
		}
		a := w.take(agent)
		if a.Job.ID != first.Job.ID || a.Attempt.Number != 2 {
			t.Errorf("attempt %d", a.Attempt.Number)
		}
		w.finish(grant(a), 0)
		w.want(b.ID, "passed: passed")
	})
}

func TestReadyToAcceptedIsQuick(t *testing.T) {
	w := newWorld(t, one)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	agent := w.agent("test")
	type accepted struct {
		a  slipway.Assignment
		at time.Time
	}
	got := make(chan accepted)
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			job, err := w.Ping(ctx, agent)
			if err != nil || job == "" {
				continue
			}
			a, err := w.Accept(ctx, agent, job)
			if err != nil {
				t.Error(err)
				return
			}
			got <- accepted{a, time.Now()}
		}
	})
	var took []time.Duration
	for i := range 100 {
		w.push(fmt.Sprintf("refs/heads/b%d", i))
		a := <-got
		took = append(took, a.at.Sub(a.a.Job.ReadyAt))
		w.finish(grant(a.a), 0)
	}
	cancel()
	wg.Wait()
	slices.Sort(took)
	t.Logf("ready → accepted: p50 %s, p99 %s, most %s", took[50], took[98], took[99])
}

func TestAJobOfAnotherProcessIsFound(t *testing.T) {
	inBubble(t, one, func(t *testing.T, w *world) {
		b := w.another().push("refs/heads/master") // without a hint
		agent := w.agent("test")
		began := time.Now()
		a := w.take(agent)
		if took := time.Since(began); a.Build.ID != b.ID || took > 7*time.Second {
			t.Errorf("found after %s", took)
		}
		w.finish(grant(a), 0)
	})
}
