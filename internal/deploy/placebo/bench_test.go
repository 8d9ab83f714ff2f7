package placebo_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/placebo"
)

// fleet is so many services, all with the same counts.
type fleet struct {
	*world
	targets []slipway.TargetID
}

func (f fleet) Counting(context.Context) []slipway.TargetID { return f.targets }

func (f fleet) AddPlacebo(context.Context, slipway.TargetID, int, int) error { return nil }

// BenchmarkLook tells what a look at a thousand services costs, every ten seconds:
// those that have new requests, and those that have none.
func BenchmarkLook(b *testing.B) {
	for name, requests := range map[string]int{"busy": 300, "at rest": 0} {
		b.Run(name, func(b *testing.B) {
			w, _ := newWorld(1)
			f := fleet{world: w}
			for n := range 1000 {
				f.targets = append(f.targets, slipway.TargetID{Service: slipway.ServiceName(fmt.Sprint("s", n)), Environment: "prod"})
			}
			p := &placebo.Placebo{Witness: f, Store: f, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now }}
			w.pass(3000)
			p.Look(b.Context())
			b.ReportAllocs()
			for b.Loop() {
				w.pass(requests)
				p.Look(b.Context())
			}
		})
	}
}
