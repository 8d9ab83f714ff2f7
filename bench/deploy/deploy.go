// Package deploy measures deployments of a real Slipway under load: what is
// lost, and how long each strategy takes.
package deploy

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// settings of one run.
type settings struct {
	json        bool
	deployments int // under the whole mix of load
	requests    int // for each of them, at least
	rate        int // requests a second
	rounds      int // for each wall time
}

// Run is `bench deploy`.
func Run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	f := flag.NewFlagSet("deploy", flag.ContinueOnError)
	f.BoolVar(&s.json, "json", false, "end with one line of JSON")
	f.IntVar(&s.deployments, "deployments", 100, "deployments under load")
	f.IntVar(&s.requests, "requests", 10_000, "for each of them, at least")
	f.IntVar(&s.rate, "rate", 1500, "requests a second")
	f.IntVar(&s.rounds, "rounds", 10, "deployments for each wall time")
	if err := f.Parse(args); err != nil {
		return err
	}
	return yard.Use(ctx, yard.Options{}, func(y *yard.Yard) error {
		b := &bench{settings: s, y: y, out: out}
		return b.measure(ctx)
	})
}

// service is what is deployed. Its releases come in pairs, so that each
// deployment brings another.
const service = "gauge"

// strategies, each with its two releases.
var strategies = []struct {
	name    string
	rollout string
}{
	{"rolling", "strategy: rolling"},
	{"immutable", "strategy: immutable, immutable: { keep_old: 1s }"},
	{"canary", "strategy: canary, canary: { weights: [10%, 50%], hold: 100ms, keep_old: 1s, evidence: none }"},
	{"rollback", "strategy: immutable, immutable: { keep_old: 1m }"},
}

// bench is one measurement.
type bench struct {
	settings
	y   *yard.Yard
	out io.Writer
	url string

	live    int // release that serves
	walls   map[string][]time.Duration
	sent    int
	lost    int
	unsent  int
	reasons string
}

func (b *bench) measure(ctx context.Context) error {
	var versions []yard.Version
	for _, s := range strategies {
		versions = append(versions, yard.Version{Service: service, Rollout: s.rollout}, yard.Version{Service: service, Rollout: s.rollout})
	}
	if err := b.y.Publish(ctx, versions...); err != nil {
		return err
	}
	if _, err := b.deploy(ctx, 0); err != nil {
		return err
	}
	var err error
	if b.url, err = b.y.URL(ctx, service); err != nil {
		return err
	}
	b.walls = map[string][]time.Duration{}
	if err := b.timed(ctx); err != nil {
		return err
	}
	if err := b.loaded(ctx); err != nil {
		return err
	}
	return b.report()
}

// deploy brings the next release of a strategy, and waits until it serves with
// every instance.
func (b *bench) deploy(ctx context.Context, strategy int) (api.Deployment, error) {
	release := 2*strategy + 1
	if b.live == release {
		release++
	}
	d, err := b.y.Deploy(ctx, service, release)
	if err != nil {
		return d, err
	}
	return b.ended(ctx, d.ID)
}

func (b *bench) ended(ctx context.Context, id int64) (api.Deployment, error) {
	d, err := b.y.Await(ctx, id)
	switch {
	case err != nil:
		return d, err
	case d.Phase != "succeeded":
		return d, fmt.Errorf("deployment %d of %s@%d is %s: %v", d.ID, service, d.Release, d.Phase, d.Why)
	}
	b.live = d.Release
	return d, nil
}

// loaded deploys by every strategy in turn, under requests of all kinds.
func (b *bench) loaded(ctx context.Context) error {
	l := load.Start(b.rate, []load.Aim{
		{Visitor: load.Get(b.url + "/"), Share: 80},
		{Visitor: load.Post(b.url+"/echo", 2_000), Share: 15},
		{Visitor: load.Post(b.url+"/echo", 100_000), Share: 1},
		{Visitor: load.Stream(b.url+"/stream?n=10&ms=50", 1000), Share: 3},
		{Visitor: load.WebSocket(b.url+"/ws", time.Second, 100*time.Millisecond), Share: 1},
	})
	defer func() {
		l.Stop()
		b.sent, b.lost, b.unsent, b.reasons = b.sent+l.Sent(), b.lost+l.Lost(), b.unsent+l.NotSent(), b.reasons+l.Reasons()
	}()
	for n := range b.deployments {
		if _, err := b.deploy(ctx, n%3); err != nil {
			return err
		}
		for l.Sent() < (n+1)*b.requests {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		if (n+1)%10 == 0 {
			_, _ = fmt.Fprintf(b.out, "%d deployments, %d requests, %d lost\n", n+1, l.Sent(), l.Lost())
		}
	}
	return nil
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
