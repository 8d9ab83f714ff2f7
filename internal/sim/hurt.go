package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// hurt crashes an instance, or makes it unready for a while.
func (w *World) hurt() {
	alive := w.alive()
	if len(alive) == 0 {
		return
	}
	i := alive[w.rng.IntN(len(alive))]
	if i.Phase == slipway.InstanceReady && w.chance(2) {
		w.fault("instance unready")
		i.falter(w)
		return
	}
	w.fault("instance crashed")
	i.die(w.now)
	w.tell("     %s crashes", i.ID)
}

// overload makes all probes of a target fail at once.
func (w *World) overload() {
	if len(w.targets) == 0 {
		return
	}
	w.fault("all unready")
	t := w.targets[w.rng.IntN(len(w.targets))]
	for _, i := range w.alive() {
		if i.target == t && i.Phase == slipway.InstanceReady {
			i.falter(w)
		}
	}
}

func (i *instance) falter(w *World) {
	i.enter(slipway.InstanceUnready, w.now, "GET /readyz 503")
	i.readyAt = w.now.Add(w.between(10*time.Millisecond, 5*time.Second))
	w.tell("     %s is not ready for a while", i.ID)
}

func (w *World) alive() []*instance {
	var alive []*instance
	for _, g := range w.driver.groups {
		for _, i := range g.instances {
			if i.running() && i.Phase != slipway.InstanceBackoff {
				alive = append(alive, i)
			}
		}
	}
	return alive
}
