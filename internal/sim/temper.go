package sim

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// temper is how a release behaves once it runs.
type temper string

const (
	good   temper = "good"   // ready soon
	slow   temper = "slow"   // ready around its deadline
	mute   temper = "mute"   // never ready
	broken temper = "broken" // crashes before it is ready, always
	frail  temper = "frail"  // ready soon, crashes some time later, always
)

var tempers = []temper{good, good, good, good, slow, mute, broken, frail}

// deadline is what every manifest of this world says.
const deadline = 10 * time.Second

// temper of a release follows from its number, so that a rollback to a good
// one finds it good.
func (w *World) temper(g slipway.GroupSpec) temper {
	rel := w.store.releases[g.Target.Service]
	if n := g.Revision.Release; n >= 1 && n <= len(rel) {
		return temper(rel[n-1].Subject)
	}
	return good
}

// fate draws when an instance gets ready and when it dies; zero is never.
func (t temper) fate(w *World) (ready, dies time.Time) {
	in := func(a, b time.Duration) time.Time { return w.now.Add(w.between(a, b)) }
	switch t {
	case slow:
		return in(deadline/2, 3*deadline/2), dies
	case mute:
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
