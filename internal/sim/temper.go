package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// temper is how a release behaves once it runs.
type temper string

const (
	good    temper = "good"    // ready soon
	slow    temper = "slow"    // ready around its deadline
	mute    temper = "mute"    // never ready
	broken  temper = "broken"  // crashes before it is ready, always
	frail   temper = "frail"   // ready soon, crashes some time later, always
	refused temper = "refused" // the driver cannot run it
)

var tempers = []temper{good, good, good, good, good, good, good, slow, mute, broken, frail, refused}

// fatal names the faults that tempers are.
var fatal = map[temper]string{slow: "slow start", mute: "never ready", broken: "crash loop", frail: "crashes after ready"}

// deadline is what most manifests of this world say.
const deadline = 10 * time.Second

// deadline draws that of a release.
func (w *World) deadline() time.Duration {
	if w.chance(4) {
		return 6 * deadline
	}
	return deadline
}

// temperVariable carries the temper of a release to its instances.
const temperVariable = "TEMPER"

func temperOf(r slipway.Revision) temper { return temper(r.Run.Env[temperVariable]) }

// fate draws when an instance gets ready and when it dies; zero is never.
func (t temper) fate(w *World) (ready, dies time.Time) {
	in := func(a, b time.Duration) time.Time { return w.now.Add(w.between(a, b)) }
	switch t {
	case slow:
		return in(deadline/2, 3*deadline/2), dies
	case mute, refused:
		return ready, dies
	case broken:
		return ready, in(10*time.Millisecond, time.Second)
	case frail:
		ready = in(10*time.Millisecond, time.Second)
		return ready, ready.Add(w.between(100*time.Millisecond, 4*deadline))
	case good:
	}
	return in(10*time.Millisecond, 2*time.Second), dies
}
