package cli

import (
	"context"
	"errors"

	"github.com/slipway-cd/slipway/api"
)

// watch shows a deployment until it has ended.
func (a *app) watch(ctx context.Context, s *screen, client *api.Client, d api.Deployment) (api.Deployment, error) {
	if a.json {
		return watchEvents(ctx, s, client, d)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hint := hints(ctx, client, api.EventFilter{Deployment: d.ID})
	p := newProgress(s, d)
	wait := patience{limit: awayFor}
	for {
		if err := p.show(d, a.now()); err != nil || d.Ended {
			return d, err
		}
		if err := hint.wait(ctx, s.terminal); err != nil {
			return d, err
		}
		next, err := client.Deployment(ctx, d.ID)
		if err == nil {
			d = next
			wait.reset()
		} else if err := wait.again(ctx, err); err != nil {
			return d, err
		}
	}
}

var errEnded = errors.New("the deployment has ended")

// watchEvents prints each event of a deployment and, at the end, the
// deployment.
func watchEvents(ctx context.Context, s *screen, client *api.Client, d api.Deployment) (api.Deployment, error) {
	err := events(ctx, client, 0, true, api.EventFilter{Deployment: d.ID}, func(e api.Event) error {
		if err := s.json(e); err != nil {
			return err
		}
		if e.Kind != "deployment.changed" {
			return nil
		}
		next, err := client.Deployment(ctx, d.ID)
		if err != nil {
			return err
		}
		if d = next; d.Ended {
			return errEnded
		}
		return nil
	})
	if !errors.Is(err, errEnded) {
		return d, err
	}
	return d, s.json(d)
}
