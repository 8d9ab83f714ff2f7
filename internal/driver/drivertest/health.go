package drivertest

import (
	"net"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// holds says that an instance does not become ready before its preflight has
// passed, and why.
func holds(b *bench) {
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	g := b.group(alpha, "g1", 1, fence(1))
	g.Revision.Run.Env["AT"] = at
	g.Revision.Health.Preflight = []slipway.Check{{TCP: "${AT}"}}
	b.apply(g)
	b.await(alpha, "g1", "held", func(g slipway.GroupStatus) bool {
		i := g.Instances[0]
		return i.Phase == slipway.InstanceStarting && !i.EverReady && i.Why == "preflight tcp "+at+": connection refused"
	})
	if l, err = new(net.ListenConfig).Listen(b.Context(), "tcp", at); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	b.awaitReady(alpha, "g1", 1)
}

// delays says that who does not start is not asked whether it is ready, and is
// started again when it has not started for too long.
func delays(b *bench) {
	g := b.group(alpha, "g1", 1, fence(1))
	g.Revision.Run.Env = map[string]string{Behave: Unready}
	g.Revision.Health = slipway.Health{
		Startup: &slipway.Probe{HTTP: "/readyz", Period: 100 * time.Millisecond, Failures: 2},
		Ready:   &slipway.Probe{TCP: true, Failures: 1},
	}
	b.apply(g)
	b.await(alpha, "g1", "started again", func(g slipway.GroupStatus) bool {
		i := g.Instances[0]
		return i.Restarts > 0 && !i.EverReady && strings.Contains(i.Why, `GET /readyz → 503 "warming cache", 2 times in a row`)
	})
}

// activates says that workers that can be told take work when their group is
// asked to, and none when it is not, without being started anew.
func activates(b *bench) {
	g := b.group(alpha, "g1", 2, fence(1))
	g.Revision.Kind, g.Revision.Run.Port, g.Revision.Run.Passive, g.Revision.Health.Ready = slipway.Worker, 0, true, nil
	g.Active = false
	b.apply(g)
	are := func(active bool) func(slipway.GroupStatus) bool {
		return func(g slipway.GroupStatus) bool {
			for _, i := range g.Instances {
				if i.Phase != slipway.InstanceReady || i.Active != active {
					return false
				}
			}
			return len(g.Instances) > 0
		}
	}
	before := b.await(alpha, "g1", "passive", are(false))
	g.Active, g.Fence = true, fence(2)
	b.apply(g)
	b.wantSame(before, b.await(alpha, "g1", "active", are(true)))
	g.Active, g.Fence = false, fence(1)
	b.wantCode("Apply by a stale owner", b.d.Apply(b.Context(), g), slipway.Stale)
	if !are(true)(b.find(alpha, "g1")) {
		b.Error("a stale owner has told the workers something")
	}
	b.close()
	b.open()
	b.wantSame(before, b.await(alpha, "g1", "still active", are(true)))
	g.Replicas, g.Fence = 1, fence(3)
	b.apply(g)
	b.wantSame(before, b.await(alpha, "g1", "passive again", are(false)))
}
