package deploy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/load"
)

// light is the load under which wall times are taken: no long-lived requests,
// which a drain has to wait for.
const light = 200 // requests a second

// timed takes the wall times, of one deployment at a time on a system at rest.
func (b *bench) timed(ctx context.Context) error {
	l := load.Start(light, []load.Aim{{Visitor: load.Get(b.url + "/"), Share: 1}})
	defer func() {
		l.Stop()
		b.sent, b.lost, b.unsent, b.reasons = b.sent+l.Sent(), b.lost+l.Lost(), b.unsent+l.NotSent(), b.reasons+l.Reasons()
	}()
	for range b.rounds {
		for n, s := range strategies[:3] {
			d, err := b.deploy(ctx, n)
			if err != nil {
				return err
			}
			b.walls[s.name] = append(b.walls[s.name], d.FinishedAt.Sub(d.CreatedAt))
			time.Sleep(2 * time.Second) // until what was kept is gone
		}
		back, err := b.rollBack(ctx)
		if err != nil {
			return err
		}
		b.walls["rollback"] = append(b.walls["rollback"], back)
	}
	return nil
}

// rollBack is how long after a person has asked for it the last request went to
// the release that they did not want, while the group before is kept.
func (b *bench) rollBack(ctx context.Context) (time.Duration, error) {
	if _, err := b.deploy(ctx, 3); err != nil {
		return 0, err
	}
	unwanted := b.live
	watching, stop := context.WithCancel(ctx)
	defer stop()
	last := make(chan time.Time, 1)
	began := time.Now()
	go func() { last <- b.lastOf(watching, unwanted) }()
	d, err := b.y.Client.Deploy(ctx, api.CreateDeployment{Service: service, Environment: "test", Kind: "rollback"})
	if err != nil {
		return 0, err
	}
	if _, err := b.ended(ctx, d.ID); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	return (<-last).Sub(began), nil
}

// lastOf asks until ctx ends, and returns when a release answered last.
func (b *bench) lastOf(ctx context.Context, release int) (last time.Time) {
	by := fmt.Sprintf("%s/%d/", service, release)
	for ctx.Err() == nil {
		asked := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
		if err != nil {
			return last
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if strings.HasPrefix(res.Header.Get("Served-By"), by) {
			last = asked
		}
		time.Sleep(time.Millisecond)
	}
	return last
}
