package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// instance is one process, or the memory of one.
type instance struct {
	slipway.InstanceStatus
	target   slipway.TargetID
	group    slipway.GroupID
	revision slipway.Revision
	temper   temper
	boots    int
	started  time.Time // in this boot
	readyAt  time.Time // when it will be ready, if it ever is
	dieAt    time.Time // when it will crash
	goneAt   time.Time // stopping: when it has stopped
}

// activate tells workers that can be told whether to take work.
func (i *instance) activate(spec slipway.GroupSpec) {
	if spec.Revision.Run.Passive {
		i.Active = spec.Active
	}
}

// glimpse is what there was of one instance at one time.
type glimpse struct {
	id     slipway.InstanceID
	target slipway.TargetID
	group  slipway.GroupID
	phase  slipway.InstancePhase
}

func (d *driver) glimpse() []glimpse {
	var all []glimpse
	for _, g := range d.groups {
		for _, i := range g.instances {
			all = append(all, glimpse{i.ID, i.target, i.group, i.Phase})
		}
	}
	return all
}

// live lets every instance do what it does by itself.
func (d *driver) live() {
	for _, g := range d.groups {
		for _, i := range g.instances {
			i.live(d)
		}
	}
}

func (i *instance) live(d *driver) {
	now := d.w.now
	switch i.Phase {
	case slipway.InstanceStarting, slipway.InstanceReady, slipway.InstanceUnready:
		switch {
		case !i.dieAt.IsZero() && !now.Before(i.dieAt):
			i.die(now)
		case i.Phase != slipway.InstanceReady && !i.readyAt.IsZero() && !now.Before(i.readyAt):
			i.enter(slipway.InstanceReady, now, "")
			i.EverReady = true
			i.ReadyIn = now.Sub(i.started)
		}
	case slipway.InstanceBackoff:
		if !now.Before(i.RetryAt) {
			d.boot(i)
		}
	case slipway.InstanceStopping:
		if !now.Before(i.goneAt) {
			i.enter(slipway.InstanceStopped, now, "")
		}
	case slipway.InstanceStopped:
	}
}

// die is a crash: it will be started again, later each time.
func (i *instance) die(now time.Time) {
	i.Restarts++
	i.enter(slipway.InstanceBackoff, now, "exit 1")
	i.RetryAt = now.Add(min(200*time.Millisecond<<min(i.Restarts, 6), 10*time.Second))
}

func (i *instance) enter(p slipway.InstancePhase, now time.Time, why string) {
	i.Phase, i.Since, i.Why = p, now, why
}

func (i *instance) running() bool {
	return i.Phase != slipway.InstanceStopping && i.Phase != slipway.InstanceStopped
}
