package collector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// Store keeps what there is.
type Store interface {
	Holdings(context.Context) ([]slipway.Holding, error)
	Uses(ctx context.Context, service slipway.ServiceName, revisions int) ([]slipway.Use, error)
	// PruneReleases marks those of the numbers that no target needs, and returns
	// them.
	PruneReleases(ctx context.Context, service slipway.ServiceName, numbers []int, revisions int, at time.Time) ([]int, error)
	Records
}

// Records are the rows that go with age.
type Records interface {
	OldLogs(ctx context.Context, before time.Time) (int, error)
	ForgetLogs(ctx context.Context, before time.Time, limit int) (int, error)
	Forgotten(ctx context.Context, job slipway.JobID, before time.Time) (bool, error)
	Events(ctx context.Context, after int64, f slipway.EventFilter, limit int) ([]slipway.Event, error)
	DeleteEvents(ctx context.Context, numbers []int64) error
	AppendEvents(context.Context, ...slipway.Event) error
	// ForgetEvidence forgets that of deployments that ended before a time.
	ForgetEvidence(ctx context.Context, before time.Time, limit int, dry bool) (int, error)
	Agents(context.Context) ([]slipway.Agent, error)
	ForgetAgent(ctx context.Context, id slipway.AgentID, before time.Time) error
}

// Images are the stored images.
type Images interface {
	// Sweep removes at most limit things that no image needs which is kept, or was
	// pushed or found to be here since then, or tagged after tagged; it counts them
	// in r.
	Sweep(ctx context.Context, keep []slipway.Digest, since, tagged time.Time, limit int, r *slipway.Removal) error
}

// Trees are the images that a driver has unpacked.
type Trees interface {
	// PruneTrees removes those that nothing runs from, that were not asked for
	// since then and are not kept.
	PruneTrees(ctx context.Context, keep map[slipway.Digest]bool, since time.Time, dry bool) (n int, bytes int64, err error)
}

// Logs are the bytes of jobs' logs.
type Logs interface {
	// Jobs lists those that have any.
	Jobs(context.Context) ([]slipway.JobID, error)
	// Remove removes those of a job, and tells what that freed.
	Remove(ctx context.Context, job slipway.JobID, dry bool) (bytes int64, err error)
}

// Collector removes what is not kept. Its fields are set before it is used.
type Collector struct {
	Keep   slipway.Keep
	Store  Store
	Images Images
	Trees  Trees
	Logs   Logs
	Log    *slog.Logger
	Now    func() time.Time
	// Alone keeps others from what must not be removed under them, a backup; its
	// error says who is at it.
	Alone func() (release func(), err error)

	one sync.Mutex
}

// Bounds of one collection, and when there is one.
const (
	grace       = 24 * time.Hour // uploads under way, and releases that are just being made
	idle        = time.Hour      // a tree that was asked for is about to be run from
	maxReleases = 500
	maxRemovals = 5000 // of images
	maxLogs     = 1000 // jobs
	maxEvents   = 50_000
	maxEvidence = 100 // deployments
	firstAfter  = 10 * time.Minute
	every       = 24 * time.Hour
	soon        = time.Minute // when there is more
	maxInARow   = 100
)

// Run collects once a day, until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	wait, again := firstAfter, 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		r, err := c.Collect(ctx, slipway.System, false)
		if err != nil && ctx.Err() == nil {
			c.Log.Warn("remove what is not kept", "err", err)
		}
		wait = every
		if again++; err == nil && r.More && again < maxInARow {
			wait = soon
			continue
		}
		again = 0
	}
}

// Collect removes what is not kept, up to a bound, and records that it did; dry
// only tells what it would. It returns Conflict while another collection or a
// backup is under way.
func (c *Collector) Collect(ctx context.Context, by slipway.Actor, dry bool) (slipway.Removal, error) {
	r := slipway.Removal{Dry: dry}
	if !c.one.TryLock() {
		return r, slipway.Errorf(slipway.Conflict, "what is not kept is just being removed").Do("ask again in a moment")
	}
	defer c.one.Unlock()
	release, err := c.Alone()
	if err != nil {
		return r, err
	}
	defer release()
	err = c.collect(ctx, &r)
	if !dry && !r.IsNothing() {
		err = errors.Join(err, c.Store.AppendEvents(context.WithoutCancel(ctx), slipway.Event{
			At: c.Now().UTC(), Kind: slipway.StoragePruned, Actor: by, Text: words(r),
		}))
	}
	return r, err
}

// collect goes on where it can when one part fails; but images are swept only by
// what is known to be kept.
func (c *Collector) collect(ctx context.Context, r *slipway.Removal) error {
	now := c.Now()
	kept, uses, err := c.releases(ctx, r, now)
	if err != nil {
		return err
	}
	return errors.Join(
		c.images(ctx, kept, r, now),
		c.logs(ctx, r, now),
		c.events(ctx, kept, uses, r, now),
		c.evidence(ctx, r, now),
		c.agents(ctx, r, now),
	)
}
