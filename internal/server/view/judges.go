package view

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// maxJudges bounds how many deployments are remembered: one of them is some
// hundred kilobytes, and a reading of its batches when it is asked for again.
const maxJudges = 32

// judges find verdicts again from what was kept. Batches are only ever added to a
// deployment, so what was folded once is not read again.
type judges struct {
	mu  sync.Mutex
	all map[slipway.DeploymentID]*judge
}

// judge is the fold of the first so many batches of a deployment.
type judge struct {
	mu     sync.Mutex
	folded int
	fold   *evidence.Judge
	used   time.Time // kept by judges
}

// of is the judge of a deployment, for whom the least used makes room.
func (j *judges) of(d slipway.Deployment, r slipway.Revision) *judge {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.all == nil {
		j.all = map[slipway.DeploymentID]*judge{}
	}
	one := j.all[d.ID]
	if one == nil {
		if len(j.all) >= maxJudges {
			delete(j.all, j.oldest())
		}
		one = &judge{fold: evidence.Of(d, r)}
		j.all[d.ID] = one
	}
	one.used = time.Now()
	return one
}

func (j *judges) oldest() (id slipway.DeploymentID) {
	var used time.Time
	for d, one := range j.all {
		if used.IsZero() || one.used.Before(used) {
			id, used = d, one.used
		}
	}
	return id
}

// judged calls look with what says the verdict of a deployment by all that is
// kept, and with how many batches that are.
func (v *Viewer) judged(ctx context.Context, d slipway.Deployment, r slipway.Revision, look func(*evidence.Judge, int)) error {
	one := v.judges.of(d, r)
	one.mu.Lock()
	defer one.mu.Unlock()
	more, err := v.Store.Batches(ctx, d.ID, one.folded)
	if err != nil {
		return err
	}
	for _, text := range more {
		if err := one.fold.Recall(text); err != nil {
			return err
		}
		one.folded++
	}
	look(one.fold, one.folded)
	return nil
}
