package dispatch

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// board is what this process knows of ready jobs and live attempts, so that
// held pings and the search for lost agents cost no queries. It follows every
// change made here at once, and others when Run reads the store again.
type board struct {
	mu      sync.Mutex
	builds  map[slipway.BuildID]posted
	offers  map[slipway.JobID]offer
	heard   map[slipway.JobID]time.Time // when the job itself last spoke here, or should have
	puts    uint64                      // counts put
	changed chan struct{}               // closed when a job became ready
}

// posted is one open build on the board.
type posted struct {
	put   uint64
	ready []readyJob
	live  []liveAttempt
}

type readyJob struct {
	job   slipway.JobID
	build slipway.BuildID // sorts by age
	at    int             // position in the build
	want  map[string]string
	tests bool // before traffic
}

type liveAttempt struct {
	grant slipway.JobGrant
	agent slipway.AgentID
	state slipway.AttemptState
	due   time.Time // when something must be done about it
}

// offer keeps a job that was named to one agent from the others, for a while.
type offer struct {
	agent slipway.AgentID
	until time.Time
}

const offerFor = 5 * time.Second

func newBoard() *board {
	return &board{
		builds: map[slipway.BuildID]posted{}, offers: map[slipway.JobID]offer{},
		heard: map[slipway.JobID]time.Time{}, changed: make(chan struct{}),
	}
}

func post(b *slipway.Build) (p posted) {
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.State == slipway.JobReady {
			p.ready = append(p.ready, readyJob{j.ID, b.ID, i, j.Step.Agents, b.Task != nil})
		}
		if a := j.Last(); a != nil && isLive(a) {
			g := slipway.JobGrant{Build: b.ID, Job: j.ID, Attempt: a.Number}
			p.live = append(p.live, liveAttempt{g, a.Agent, a.State, due(j, a)})
		}
	}
	return p
}

// put shows the newest state of a build.
func (b *board) put(build *slipway.Build) {
	p := post(build)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	p.put = b.puts
	b.place(build.ID, p)
}

func (b *board) place(id slipway.BuildID, p posted) {
	before := b.builds[id]
	b.builds[id] = p
	for _, j := range before.ready {
		if !has(p.ready, j.job) {
			delete(b.offers, j.job)
		}
	}
	for _, j := range p.ready {
		if !has(before.ready, j.job) {
			close(b.changed)
			b.changed = make(chan struct{})
			return
		}
	}
}

func lives(live []liveAttempt, g slipway.JobGrant) bool {
	return slices.ContainsFunc(live, func(a liveAttempt) bool { return a.grant.Job == g.Job && a.grant.Attempt == g.Attempt })
}

// isLive reports whether an attempt is on the board.
func (b *board) isLive(job slipway.JobID, attempt int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.builds {
		if lives(p.live, slipway.JobGrant{Job: job, Attempt: attempt}) {
			return true
		}
	}
	return false
}

func has(ready []readyJob, job slipway.JobID) bool {
	for _, r := range ready {
		if r.job == job {
			return true
		}
	}
	return false
}

// replace shows what read returns, which is all open builds. What was put while
// it read is newer and stays.
func (b *board) replace(read func() ([]slipway.Build, error)) error {
	b.mu.Lock()
	asOf := b.puts
	b.mu.Unlock()
	builds, err := read()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	open := make(map[slipway.BuildID]bool, len(builds))
	for i := range builds {
		open[builds[i].ID] = true
		if b.builds[builds[i].ID].put <= asOf {
			p := post(&builds[i])
			p.put = asOf
			b.place(builds[i].ID, p)
		}
	}
	for id, p := range b.builds {
		if p.put <= asOf && (!open[id] || len(p.ready)+len(p.live) == 0) {
			b.place(id, posted{})
			delete(b.builds, id)
		}
	}
	b.tidy()
	return nil
}

// tidy forgets what was heard of attempts that ended elsewhere.
func (b *board) tidy() {
	live := map[slipway.JobID]bool{}
	for _, p := range b.builds {
		for _, a := range p.live {
			live[a.grant.Job] = true
		}
	}
	maps.DeleteFunc(b.heard, func(job slipway.JobID, _ time.Time) bool { return !live[job] })
}

// take names the job that is a's turn and keeps it from others for a while; ""
// when there is none. The channel is closed when there may be one.
func (b *board) take(a slipway.Agent, now time.Time) (slipway.JobID, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var first *readyJob
	for _, p := range b.builds {
		for i := range p.ready {
			r := &p.ready[i]
			if first != nil && cmp.Or(cmp.Compare(first.build, r.build), cmp.Compare(first.at, r.at)) <= 0 {
				break // the jobs of a build come in order
			}
			o := b.offers[r.job]
			if a.Matches(r.want) && (r.tests || !a.OnlyTests()) && (o.agent == a.ID || !now.Before(o.until)) {
				first = r
				break
			}
		}
	}
	if first == nil {
		return "", b.changed
	}
	b.offers[first.job] = offer{a.ID, now.Add(offerFor)}
	return first.job, b.changed
}

// meet begins to wait for a word of what an agent runs that was never heard here:
// its job spoke to another server, if at all.
func (b *board) meet(agent slipway.AgentID, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.builds {
		for _, a := range p.live {
			if a.agent == agent && b.heard[a.grant.Job].IsZero() {
				b.heard[a.grant.Job] = now
			}
		}
	}
}

// hear notes that the job itself has spoken.
func (b *board) hear(job slipway.JobID, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard[job] = now
}

func (b *board) forget(job slipway.JobID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.heard, job)
}

// attempts lists the live attempts that which picks; heard is when their job
// last spoke, zero when it did not since this process began.
func (b *board) attempts(which func(a liveAttempt, heard time.Time) bool) (out []liveAttempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.builds {
		for _, a := range p.live {
			if which(a, b.heard[a.grant.Job]) {
				out = append(out, a)
			}
		}
	}
	return out
}
