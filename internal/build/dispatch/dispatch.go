package dispatch

import (
	"context"
	"hash/maphash"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

// Store keeps everything. *store.Store is one.
type Store interface {
	BuildStore
	TaskStore
	AgentStore
	LogStore
}

// BuildStore keeps repositories and their builds.
type BuildStore interface {
	Repository(context.Context, slipway.RepositoryName) (slipway.Repository, error)
	RecordPush(context.Context, slipway.Push, string, *slipway.Build, ...slipway.Event) (slipway.Build, bool, error)
	Build(context.Context, slipway.BuildID) (slipway.Build, error)
	Builds(context.Context, slipway.RepositoryName, int) ([]slipway.Build, error)
	OpenBuilds(context.Context) ([]slipway.Build, error)
	BuildOfJob(context.Context, slipway.JobID) (slipway.BuildID, error)
	UpdateBuild(context.Context, slipway.BuildID, func(*slipway.Build) ([]slipway.Event, error)) (slipway.Build, error)
}

// AgentStore keeps agents and tokens.
type AgentStore interface {
	SaveAgent(context.Context, slipway.Agent, ...slipway.Event) error
	Agent(context.Context, slipway.AgentID) (slipway.Agent, error)
	Agents(context.Context) ([]slipway.Agent, error)
	Environments(context.Context) (slipway.Environments, error)
	AddToken(context.Context, slipway.Token) error
	RevokeToken(ctx context.Context, hash string) error
}

// LogStore keeps which pieces of a log there are; their bytes are blobs.
type LogStore interface {
	AddChunk(context.Context, slipway.JobID, int, slipway.Chunk) (added bool, err error)
	Chunks(context.Context, slipway.JobID, int) ([]slipway.Chunk, error)
}

// Blobs keep the bytes of logs.
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader) (size int64, err error)
	ReadRange(ctx context.Context, key string, offset, length int64) ([]byte, error)
}

// Source reads repositories.
type Source interface {
	// CommitInfo follows annotated tags; NotFound when there is no commit.
	CommitInfo(context.Context, slipway.RepositoryName, slipway.Commit) (slipway.CommitInfo, error)
	// File reads a file at a commit; NotFound when there is none, TooLarge over a bound.
	File(ctx context.Context, r slipway.RepositoryName, c slipway.Commit, path string) ([]byte, error)
	// Submodules are the repositories of ours that the commit has as submodules.
	Submodules(context.Context, slipway.RepositoryName, slipway.Commit) ([]slipway.RepositoryName, error)
}

// Waker passes hints. Topic "jobs" says that builds changed, "peers/jobs" that
// another server changed them; "log/JOB" is given when a job's log has grown.
type Waker interface {
	Wake(topic string)
	Listen(topic string) (c <-chan struct{}, stop func())
}

// Config is what a Dispatch needs. Clock and Log may be left out.
type Config struct {
	Store  Store
	Blobs  Blobs
	Source Source
	Waker  Waker
	Queues []slipway.Queue  // that agents are expected for, besides those of the environments
	Clock  func() time.Time // that leases go by; several servers must agree on it
	Log    *slog.Logger
}

// Dispatch is the owner of builds, jobs and attempts. Its methods may be called
// from many goroutines; its zero value is not useful, see [New].
type Dispatch struct {
	Config
	report   *slog.Logger
	board    *board
	logs     *logs
	agents   *roll
	retiring retiring

	seed  maphash.Seed
	locks [64]sync.Mutex // by hash: of a build that changes, of a repository that is pushed to
}

// New makes a Dispatch. It starts nothing: see [Dispatch.Run].
func New(c Config) *Dispatch {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Dispatch{Config: c, report: c.Log, board: newBoard(), logs: newLogs(), agents: newRoll(), seed: maphash.MakeSeed()}
}

// lock keeps two changes of the same thing apart.
func (d *Dispatch) lock(what string) (unlock func()) {
	l := &d.locks[maphash.String(d.seed, what)%uint64(len(d.locks))]
	l.Lock()
	return l.Unlock
}

func (d *Dispatch) now() time.Time { return d.Clock().UTC().Truncate(time.Microsecond) }

// changeFor bounds a change of a build, which does not end with its caller: a
// commit that is under way is better learnt of than given up.
const changeFor = 15 * time.Second

func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeFor)
}

// change is one change of a build: what may happen then happens with it, in the
// same transaction.
type change struct {
	*slipway.Build
	now    time.Time
	actor  slipway.Actor // who changes
	events []slipway.Event
}

// update changes build id by fn, moves it on, writes what happened and puts the
// outcome on the board.
func (d *Dispatch) update(ctx context.Context, id slipway.BuildID, actor slipway.Actor, fn func(*change) error) (slipway.Build, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	defer d.lock(string(id))() // so that the board hears of changes in their order

	var over []ended
	b, err := d.Store.UpdateBuild(ctx, id, func(b *slipway.Build) ([]slipway.Event, error) {
		before := snapshot(b)
		c := &change{Build: b, now: d.now(), actor: actor}
		if err := fn(c); err != nil {
			return nil, err
		}
		pipeline.Next(b, c.now)
		over = before.over(b)
		return append(c.events, before.events(c)...), nil
	})
	if err != nil {
		return b, err
	}
	d.board.put(&b)
	for _, o := range over {
		d.retire(ctx, o.Attempt)
		d.board.forget(o.job)
		d.logs.forget(o.job, o.Number)
	}
	return b, nil
}

// reread shows on the board what has become of a build elsewhere.
func (d *Dispatch) reread(ctx context.Context, id slipway.BuildID) {
	defer d.lock(string(id))()
	if b, err := d.Store.Build(ctx, id); err == nil {
		d.board.put(&b)
	}
}
