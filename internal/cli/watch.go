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
	p := newProgress(s, d)
	look := func(ctx context.Context) (api.Deployment, error) { return client.Deployment(ctx, d.ID) }
	show := func(d api.Deployment) (bool, error) { return d.Ended, p.show(d, a.now()) }
	return follow(ctx, s.terminal, client, api.EventFilter{Deployment: d.ID}, d, look, show)
}

// follow shows v, and what look finds after each event of filter, until show
// says that it is done. It returns the newest. A server that is away for a while
// is waited for.
func follow[T any](ctx context.Context, terminal bool, client *api.Client, filter api.EventFilter, v T,
	look func(context.Context) (T, error), show func(T) (done bool, err error)) (T, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hint := hints(ctx, client, filter)
	wait := patience{limit: awayFor}
	for {
		if done, err := show(v); done || err != nil {
			return v, err
		}
		if err := hint.wait(ctx, terminal); err != nil {
			return v, err
		}
		next, err := look(ctx)
		if err == nil {
			v = next
			wait.reset()
		} else if err := wait.again(ctx, err); err != nil {
			return v, err
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
