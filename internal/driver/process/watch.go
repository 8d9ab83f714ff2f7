package process

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// Watch hears of a change within milliseconds, as long as Run runs.
func (d *Driver) Watch(ctx context.Context, hint func(slipway.TargetID)) error {
	d.mu.Lock()
	d.hints[&hint] = struct{}{}
	d.mu.Unlock()
	<-ctx.Done()
	d.mu.Lock()
	delete(d.hints, &hint)
	d.mu.Unlock()
	return nil
}

// note takes in a report, and trouble with the shim that it is from.
func (d *Driver) note(i *instance, r Report, trouble string) {
	d.mu.Lock()
	same := i.report == r && i.trouble == trouble
	i.report, i.trouble = r, trouble
	select {
	case <-i.heard:
	default:
		close(i.heard)
		same = false
	}
	d.mu.Unlock()
	if !same {
		d.tell(i.spec.Target)
	}
}

// tell wakes whoever waits for a change of t.
func (d *Driver) tell(t slipway.TargetID) {
	d.mu.Lock()
	close(d.changed)
	d.changed = make(chan struct{})
	hints := make([]func(slipway.TargetID), 0, len(d.hints))
	for h := range d.hints {
		hints = append(hints, *h)
	}
	d.mu.Unlock()
	for _, h := range hints {
		h(t)
	}
}
