package drivertest

import (
	"cmp"
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
)

func applies(b *bench) {
	b.apply(b.group(beta, "g2", 1, fence(1)))
	b.apply(b.group(alpha, "g1", 3, fence(7)))
	if n := len(b.find(alpha, "g1").Instances); n != 3 {
		b.Errorf("%d instances right after Apply, want 3", n)
	}
	b.awaitReady(beta, "g2", 1)
	g := b.awaitReady(alpha, "g1", 3)
	if g.Fence != fence(7) || g.Replicas != 3 || g.Revision != "r-g1" {
		b.Errorf("fence %s, %d replicas of revision %q, want 1.7 and 3 of r-g1", g.Fence, g.Replicas, g.Revision)
	}
	seen := map[netip.AddrPort]bool{}
	for _, i := range g.Instances {
		if !i.Addr.IsValid() || seen[i.Addr] {
			b.Errorf("%s has address %s, which is none or another's", i.ID, i.Addr)
		}
		seen[i.Addr] = true
		if i.Boot == "" || !i.EverReady || !i.Active || i.Since.IsZero() || i.ReadyIn <= 0 || i.Why != "" {
			b.Errorf("a ready instance is incomplete: %+v", i)
		}
	}
	groups, err := b.d.List(b.Context())
	sorted := slices.IsSortedFunc(groups, func(x, y slipway.GroupStatus) int {
		return cmp.Or(strings.Compare(x.Target.String(), y.Target.String()), strings.Compare(string(x.ID), string(y.ID)))
	})
	if err != nil || len(groups) != 2 || !sorted {
		b.Errorf("List: %v, %+v; want two groups by target", err, groups)
	}
}

func repeats(b *bench) {
	g := b.group(alpha, "g1", 2, fence(1))
	b.apply(g)
	before := b.awaitReady(alpha, "g1", 2)
	b.apply(g)
	g.Fence = fence(2)
	b.apply(g)
	b.wantSame(before, b.awaitReady(alpha, "g1", 2))
}

// wantSame says that the same processes run.
func (b *bench) wantSame(before, after slipway.GroupStatus) {
	b.Helper()
	if x, y := boots(before), boots(after); !slices.Equal(x, y) {
		b.Errorf("instances were %v and are %v", x, y)
	}
}

func boots(g slipway.GroupStatus) []string {
	var all []string
	for _, i := range g.Instances {
		all = append(all, string(i.ID)+"/"+i.Boot)
	}
	slices.Sort(all)
	return all
}

func spares(b *bench) {
	b.apply(b.group(alpha, "g1", 2, fence(1)))
	before := b.awaitReady(alpha, "g1", 2)
	b.apply(b.group(alpha, "g1", 0, fence(2)))
	b.apply(b.group(alpha, "g2", 1, fence(3)))
	b.awaitReady(alpha, "g2", 1)
	after := b.find(alpha, "g1")
	b.wantSame(before, after)
	if after.Ready() != 2 || after.Replicas != 0 {
		b.Errorf("%d ready, %d replicas; want 2 and 0", after.Ready(), after.Replicas)
	}
	b.apply(b.group(alpha, "g1", 3, fence(4)))
	b.awaitReady(alpha, "g1", 3)
}

func works(b *bench) {
	g := b.group(alpha, "g1", 1, fence(1))
	g.Revision.Kind, g.Revision.Run.Port, g.Revision.Health.Ready = slipway.Worker, 0, nil
	b.apply(g)
	i := b.awaitReady(alpha, "g1", 1).Instances[0]
	if i.Addr.IsValid() || !i.Active {
		b.Errorf("a worker has address %s, active %t", i.Addr, i.Active)
	}
}

func stops(b *bench) {
	b.apply(b.group(alpha, "g1", 2, fence(1)))
	victim := b.awaitReady(alpha, "g1", 2).Instances[0].ID
	b.apply(b.group(alpha, "g1", 1, fence(2)))
	if err := b.d.Stop(b.Context(), alpha, victim, fence(2)); err != nil {
		b.Fatalf("Stop: %v", err)
	}
	if s, _ := instance(b.find(alpha, "g1"), victim); s.Phase != slipway.InstanceStopping && s.Phase != slipway.InstanceStopped {
		b.Errorf("right after Stop it is %s", s.Phase)
	}
	b.awaitPhase(alpha, "g1", victim, slipway.InstanceStopped)
	b.apply(b.group(alpha, "g1", 1, fence(3)))
	if err := b.d.Stop(b.Context(), alpha, victim, fence(3)); err != nil {
		b.Errorf("Stop again: %v", err)
	}
	if g := b.find(alpha, "g1"); len(g.Instances) != 2 || g.Ready() != 1 {
		b.Errorf("want the stopped one and one that is ready: %+v", g)
	}
	b.apply(b.group(alpha, "g1", 2, fence(4)))
	g := b.awaitReady(alpha, "g1", 2)
	if s, _ := instance(g, victim); len(g.Instances) != 3 || s.Phase != slipway.InstanceStopped {
		b.Errorf("want another in place of the stopped one: %+v", g)
	}
}

func forgets(b *bench) {
	b.apply(b.group(alpha, "g1", 1, fence(1)))
	i := b.awaitReady(alpha, "g1", 1).Instances[0].ID
	b.wantCode("Forget what runs", b.d.Forget(b.Context(), alpha, i, fence(1)), slipway.Conflict)
	b.wantCode("Stop under another target", b.d.Stop(b.Context(), beta, i, fence(1)), slipway.Invalid)
	b.apply(b.group(alpha, "g1", 0, fence(2)))
	b.wantCode("Stop", b.d.Stop(b.Context(), alpha, i, fence(2)), "")
	b.awaitPhase(alpha, "g1", i, slipway.InstanceStopped)
	b.wantCode("Forget under another target", b.d.Forget(b.Context(), beta, i, fence(1)), slipway.Invalid)
	for range 2 {
		b.wantCode("Forget", b.d.Forget(b.Context(), alpha, i, fence(2)), "")
	}
	if groups, err := b.d.List(b.Context()); err != nil || len(groups) != 0 {
		b.Errorf("after Forget there are %+v, %v", groups, err)
	}
}

func observes(b *bench) {
	o, ok := b.d.(driver.Observer)
	if !ok {
		return // it may be left out
	}
	b.apply(b.group(alpha, "g1", 2, fence(1)))
	b.apply(b.group(alpha, "g2", 1, fence(1)))
	b.apply(b.group(beta, "g1", 1, fence(1)))
	b.awaitReady(alpha, "g1", 2)
	b.awaitReady(alpha, "g2", 1)
	b.awaitReady(beta, "g1", 1)
	listed, err := b.d.List(b.Context())
	if err != nil {
		b.Fatalf("List: %v", err)
	}
	for _, t := range []slipway.TargetID{alpha, beta} {
		want := slices.DeleteFunc(slices.Clone(listed), func(g slipway.GroupStatus) bool { return g.Target != t })
		got, err := o.Observe(b.Context(), t)
		for _, g := range got {
			for n := range g.Instances {
				g.Instances[n].Said, g.Instances[n].Uses = nil, nil // which only Observe looks at
			}
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			b.Errorf("Observe says of %s %+v, %v; List says %+v", t, got, err, want)
		}
	}
}

func ignores(b *bench) {
	b.wantCode("Stop", b.d.Stop(b.Context(), alpha, "i-000000", fence(3)), "")
	b.wantCode("Forget", b.d.Forget(b.Context(), alpha, "i-000000", fence(3)), "")
	b.wantCode("Stop with a lower fence", b.d.Stop(b.Context(), alpha, "i-000000", fence(2)), slipway.Stale)
}

func fences(b *bench) {
	b.apply(b.group(alpha, "g1", 1, fence(5)))
	b.apply(b.group(beta, "g1", 1, fence(1)))
	before := b.awaitReady(alpha, "g1", 1)
	i := before.Instances[0].ID
	b.wantCode("Apply", b.d.Apply(b.Context(), b.group(alpha, "g1", 3, fence(4))), slipway.Stale)
	b.wantCode("Apply of another group", b.d.Apply(b.Context(), b.group(alpha, "g2", 1, fence(4))), slipway.Stale)
	b.wantCode("Stop", b.d.Stop(b.Context(), alpha, i, fence(4)), slipway.Stale)
	b.wantCode("Forget", b.d.Forget(b.Context(), alpha, i, fence(4)), slipway.Stale)
	b.wantCode("a lower epoch", b.d.Stop(b.Context(), alpha, i, slipway.Fence{Generation: 99}), slipway.Stale)
	after := b.find(alpha, "g1")
	b.wantSame(before, after)
	if after.Replicas != 1 || after.Fence != fence(5) || len(b.find(alpha, "g2").Instances) != 0 {
		b.Errorf("a stale owner has changed something: %+v", after)
	}
	b.wantCode("a higher epoch", b.d.Apply(b.Context(), b.group(alpha, "g1", 1, slipway.Fence{Epoch: 2})), "")
	b.wantCode("the epoch before", b.d.Apply(b.Context(), b.group(alpha, "g1", 1, fence(99))), slipway.Stale)
}

func remembers(b *bench) {
	b.wantCode("Stop", b.d.Stop(b.Context(), alpha, "i-000000", fence(9)), "")
	b.close()
	b.open()
	b.wantCode("Apply by a stale owner", b.d.Apply(b.Context(), b.group(alpha, "g1", 1, fence(8))), slipway.Stale)
}

func survives(b *bench) {
	b.apply(b.group(alpha, "g1", 2, fence(1)))
	b.apply(b.group(beta, "g2", 1, fence(4)))
	first, second := b.awaitReady(alpha, "g1", 2), b.awaitReady(beta, "g2", 1)
	b.close()
	b.open()
	for _, before := range []slipway.GroupStatus{first, second} {
		after := b.find(before.Target, before.ID)
		b.wantSame(before, after)
		if after.Ready() != before.Ready() || after.Fence != before.Fence || after.Replicas != before.Replicas {
			b.Errorf("before %+v\nafter  %+v", before, after)
		}
	}
}

func explains(b *bench) {
	g := b.group(alpha, "g1", 1, fence(1))
	g.Revision.Run.Env = map[string]string{Behave: Unready}
	b.apply(g)
	b.await(alpha, "g1", "waiting with a reason", func(g slipway.GroupStatus) bool {
		i := g.Instances[0]
		return i.Phase == slipway.InstanceStarting && !i.EverReady && strings.Contains(i.Why, `GET /readyz → 503 "warming cache"`)
	})
}

func retries(b *bench) {
	g := b.group(alpha, "g1", 1, fence(1))
	g.Revision.Run.Env = map[string]string{Behave: Crashing}
	b.apply(g)
	b.await(alpha, "g1", "restarted twice", func(g slipway.GroupStatus) bool {
		i := g.Instances[0]
		return i.Phase == slipway.InstanceBackoff && i.Restarts >= 2 && i.RetryAt.After(i.Since) &&
			!i.EverReady && strings.Contains(i.Why, "exit 3")
	})
}

func refuses(b *bench) {
	b.apply(b.group(beta, "g1", 1, fence(1)))
	for name, spoil := range map[string]func(*slipway.GroupSpec){
		"a missing image":     func(g *slipway.GroupSpec) { g.Revision.Image = Missing },
		"no digest":           func(g *slipway.GroupSpec) { g.Revision.Image = "latest" },
		"no kind":             func(g *slipway.GroupSpec) { g.Revision.Kind = "" },
		"negative replicas":   func(g *slipway.GroupSpec) { g.Replicas = -1 },
		"no name":             func(g *slipway.GroupSpec) { g.ID = "" },
		"no target":           func(g *slipway.GroupSpec) { g.Target = slipway.TargetID{} },
		"another revision":    func(g *slipway.GroupSpec) { g.Target, g.ID, g.Revision.ID = beta, "g1", "r-other" },
		"a variable with NUL": func(g *slipway.GroupSpec) { g.Revision.Run.Env["X"] = "a\x00b" },
	} {
		g := b.group(alpha, "g1", 1, fence(1))
		spoil(&g)
		if err := b.d.Apply(b.Context(), g); !slipway.CodeOf(err).Permanent() {
			b.Errorf("%s: %v (%s), want a permanent error", name, err, slipway.CodeOf(err))
		}
	}
	if n := len(b.find(alpha, "g1").Instances); n != 0 {
		b.Errorf("%d instances were started", n)
	}
}

func tells(b *bench) {
	w, ok := b.d.(driver.Watcher)
	if !ok {
		return // it may be left out
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	hints := make(chan slipway.TargetID, 1000)
	ended := make(chan error, 1)
	go func() { ended <- w.Watch(ctx, func(t slipway.TargetID) { hints <- t }) }()
	b.apply(b.group(alpha, "g1", 1, fence(1)))
	late := time.After(patience)
	for b.find(alpha, "g1").Ready() != 1 {
		select {
		case t := <-hints:
			if t != alpha {
				b.Errorf("told of %s, which has not changed", t)
			}
		case <-late:
			b.Fatal("was not told that the instance is ready")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.Errorf("Watch: %v", err)
	}
}
