package dispatch

import (
	"context"
	"sync"

	"github.com/slipway-cd/slipway"
)

// retire ends the token of an attempt that is over. When that fails, Run does
// it later.
func (d *Dispatch) retire(ctx context.Context, a slipway.Attempt) {
	if err := d.Store.RevokeToken(ctx, a.TokenHash); err != nil {
		d.report.Error("revoking the token of an attempt", "agent", a.AgentName, "err", err)
		d.retiring.add(a)
	}
}

// retiring are attempts whose tokens are still to be ended.
type retiring struct {
	mu  sync.Mutex
	all []slipway.Attempt
}

// maxRetiring bounds them: a store that fails so often gives no new tokens.
const maxRetiring = 10_000

func (r *retiring) add(a slipway.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) < maxRetiring {
		r.all = append(r.all, a)
	}
}

func (r *retiring) take() []slipway.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}
