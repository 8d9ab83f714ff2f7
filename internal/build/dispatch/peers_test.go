package dispatch_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/dispatch"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

// peers are two servers on one database and one directory of blobs, whose clock
// can be put forward.
type peers struct {
	a, b *world
	fast atomic.Int64
}

func newPeers(t *testing.T, pipeline string) *peers {
	t.Helper()
	url, blobs := storetest.Postgres(t), t.TempDir()
	p := &peers{}
	p.a, p.b = p.server(t, url, blobs, pipeline), p.server(t, url, blobs, pipeline)
	if err := p.a.store.CreateRepository(t.Context(), slipway.Repository{Name: "backend"}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *peers) server(t *testing.T, url, dir, pipeline string) *world {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	hub := wake.New()
	s.OnEvents = func(events []slipway.Event) {
		for _, e := range events {
			if e.Build != "" {
				hub.Wake("jobs")
			}
		}
	}
	w := &world{t: t, store: s, source: source{dispatch.Files[0]: pipeline}}
	w.Dispatch = dispatch.New(dispatch.Config{
		Store: s, Blobs: blobs, Source: w.source, Waker: hub, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Clock: func() time.Time { return time.Now().Add(time.Duration(p.fast.Load())) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = hub.Join(ctx, s.Line(slog.New(slog.DiscardHandler))) })
	running.Go(func() { _ = w.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); _ = blobs.Close(); _ = s.Close() })
	return w
}

// forward puts the clock of both servers forward, and lets them look.
func (p *peers) forward(d time.Duration) {
	p.fast.Add(int64(d))
	time.Sleep(1500 * time.Millisecond)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestAnAgentWaitsAtOneServerForAJobOfAnother: a person unblocks a build by one
// server while the agent waits at the other.
func TestAnAgentWaitsAtOneServerForAJobOfAnother(t *testing.T) {
	p := newPeers(t, "- block: go\n- command: a\n  agents: {queue: test}\n")
	agent := p.b.agent("test")
	var took []time.Duration
	for range 10 {
		b := p.a.push("refs/heads/master")
		named := make(chan slipway.JobID)
		go func() {
			job, err := p.b.Ping(t.Context(), agent)
			if err != nil {
				t.Error(err)
			}
			named <- job
		}()
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		if _, err := p.a.Unblock(t.Context(), b.ID, "", mei); err != nil {
			t.Fatal(err)
		}
		job := <-named
		took = append(took, time.Since(began))
		a, err := p.b.Accept(t.Context(), agent, job)
		if err != nil {
			t.Fatal(err)
		}
		p.b.finish(grant(a), 0)
		p.a.want(b.ID, "passed: passed passed")
	}
	slices.Sort(took)
	t.Logf("from the one's unblock to the other's agent: %s (p50), %s (max)", took[5], took[9])
	if took[5] > time.Second/2 || took[9] > time.Second {
		t.Errorf("half of them took %s and more, one took %s", took[5], took[9])
	}
}

func TestAgentsOfTwoServersNeverShareAJob(t *testing.T) {
	p := newPeers(t, strings.Repeat("- command: a\n  agents: {queue: test}\n", 30))
	first, second := p.a.push("refs/heads/master"), p.a.push("refs/heads/master")
	var mu sync.Mutex
	runs := map[slipway.JobID]int{}
	conflicts := 0
	var wg sync.WaitGroup
	for i := range 12 {
		at := []*world{p.a, p.b}[i%2]
		agent := at.agent("test")
		wg.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				job, err := at.Ping(ctx, agent)
				cancel()
				if err != nil || job == "" {
					return
				}
				a, err := at.Accept(t.Context(), agent, job)
				mu.Lock()
				if slipway.CodeOf(err) == slipway.Conflict {
					conflicts++
					mu.Unlock()
					continue
				}
				runs[job]++
				mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				at.finish(grant(a), 0)
			}
		})
	}
	wg.Wait()
	for job, n := range runs {
		if n != 1 {
			t.Errorf("job %s was given %d times", job, n)
		}
	}
	if len(runs) != 60 {
		t.Errorf("%d of 60 jobs ran", len(runs))
	}
	t.Logf("%d times another was faster", conflicts)
	for _, b := range []slipway.Build{first, second} {
		if s := p.b.states(b.ID); !strings.HasPrefix(s, "passed: ") {
			t.Errorf("build %s is %s", b.ID, s)
		}
	}
}

// TestAJobGoesOnThroughAnotherServer: whatever is said of an attempt may be said
// to either.
func TestAJobGoesOnThroughAnotherServer(t *testing.T) {
	p := newPeers(t, one)
	b := p.a.push("refs/heads/master")
	agent := p.a.agent("test")
	a := p.a.take(agent)
	g := grant(a)
	if err := p.b.Start(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i, at := range []*world{p.a, p.b, p.b, p.a, p.b, p.a} {
		piece := fmt.Sprintf("piece %d by %p\n", i+1, at)
		if err := at.AppendLog(t.Context(), g, i+1, int64(want.Len()), []byte(piece)); err != nil {
			t.Fatal(err)
		}
		other := p.a
		if at == p.a {
			other = p.b
		}
		if err := other.AppendLog(t.Context(), g, i+1, int64(want.Len()), []byte(piece)); err != nil { // the answer was lost
			t.Fatal(err)
		}
		want.WriteString(piece)
	}
	for _, at := range []*world{p.a, p.b} {
		if got := string(at.readLog(g.Job)); got != want.String() {
			t.Errorf("the log is\n%s\nnot\n%s", got, want.String())
		}
	}
	if _, err := p.b.Cancel(t.Context(), b.ID, mei); err != nil {
		t.Fatal(err)
	}
	if now, err := p.a.Attempt(t.Context(), g); err != nil || !now.Canceling {
		t.Errorf("at the other server its agent is not told to stop: %+v %v", now, err)
	}
	p.a.finish(g, 143)
	p.b.want(b.ID, "canceled: canceled")
	_, err := p.b.Attempt(t.Context(), g)
	wantCode(t, err, slipway.Stale, "is over")
	_, err = p.b.store.TokenPrincipal(t.Context(), hash(a.Token))
	wantCode(t, err, slipway.Unauthenticated, "")
}

// TestALostJobIsLostOnce, whoever finds it; and its agent as well.
func TestALostJobIsLostOnce(t *testing.T) {
	p := newPeers(t, one)
	b := p.a.push("refs/heads/master")
	p.a.run(p.a.agent("test"))
	p.forward(0) // now both know of it
	p.forward(slipway.LeaseFor + time.Second)
	eventually(t, "it is ready again", func() bool { return p.a.states(b.ID) == "running: ready" })
	events, err := p.a.store.Events(t.Context(), 0, slipway.EventFilter{Build: b.Slug()}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, e := range events {
		if e.Kind == slipway.JobLost {
			lost++
		}
	}
	if lost != 1 {
		t.Errorf("it was lost %d times", lost)
	}
	p.b.finish(p.b.run(p.b.agent("test")), 0)
	p.a.want(b.ID, "passed: passed")
}

// TestAnAgentOfAnotherServerIsNotLost: one that fell silent here speaks there.
func TestAnAgentOfAnotherServerIsNotLost(t *testing.T) {
	p := newPeers(t, one)
	agent := p.a.agent("test")
	state := func() slipway.AgentState {
		a, err := p.a.store.Agent(t.Context(), agent)
		if err != nil {
			t.Fatal(err)
		}
		return a.State
	}
	for range 4 {
		p.forward(slipway.LeaseFor / 2)
		if err := p.b.Heartbeat(t.Context(), agent); err != nil {
			t.Fatal(err)
		}
	}
	if s := state(); s != slipway.AgentConnected {
		t.Errorf("the agent is %s", s)
	}
	events, err := p.a.store.Events(t.Context(), 0, slipway.EventFilter{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == slipway.AgentLostEv {
			t.Errorf("it was said that %s", e.Text)
		}
	}
	p.forward(slipway.LeaseFor + time.Second)
	eventually(t, "an agent that speaks to nobody is lost", func() bool { p.forward(time.Second); return state() == slipway.AgentLost })
}

// TestAnAgentThatForgotItsJob: it accepted the job from one server, and asks the
// other for work while it says that it is alive.
func TestAnAgentThatForgotItsJob(t *testing.T) {
	p := newPeers(t, one)
	b := p.a.push("refs/heads/master")
	agent := p.a.agent("test")
	p.a.run(agent)
	p.forward(0)
	eventually(t, "the job runs again", func() bool {
		if err := p.b.Heartbeat(t.Context(), agent); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := p.b.Ping(ctx, agent); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		p.fast.Add(int64(slipway.HeartbeatEvery))
		return p.b.states(b.ID) == "running: ready"
	})
}

// TestTwoFirstPushes: one branch is the default one, whoever hears of it first,
// and the other's jobs deploy nothing.
func TestTwoFirstPushes(t *testing.T) {
	p := newPeers(t, one)
	for i := range 10 {
		name := slipway.RepositoryName(fmt.Sprintf("app-%d", i))
		if err := p.a.store.CreateRepository(t.Context(), slipway.Repository{Name: name}); err != nil {
			t.Fatal(err)
		}
		var builds [2]*slipway.Build
		var both sync.WaitGroup
		for j, ref := range []string{"refs/heads/main", "refs/heads/master"} {
			at := []*world{p.a, p.b}[j]
			push := at.change(ref)
			push.Repository = name
			both.Go(func() {
				b, note, err := at.Push(t.Context(), push)
				if err != nil || b == nil {
					t.Errorf("no build: %q %v", note, err)
				}
				builds[j] = b
			})
		}
		both.Wait()
		r, err := p.b.store.Repository(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range builds {
			if may := len(b.Authority.Deploy) > 0; may != (b.Push.Branch() == r.DefaultBranch) {
				t.Errorf("the default branch is %s, and the build of %s may deploy to %v", r.DefaultBranch, b.Push.Branch(), b.Authority.Deploy)
			}
		}
	}
}
