package rollout

import "github.com/slipway-cd/slipway"

// Compile turns a strategy into the schedule that moves a target from a group
// of from instances to a new one of want. Without a stable group (first) there
// is nothing to replace: the new group has to become ready, to pass its tests
// before traffic if it has any, and to bake if it does.
//
//	rolling 3 → 3      new 1 old 2 ▸ new 2 old 1 ▸ new 3 old 0
//	rolling 2 → 4      new 1 old 1 ▸ new 2 old 1 ▸ new 3 old 0 ▸ new 4 old 0
//	immutable 3        new 3, 0 % ▸ 100 %, bake ▸ (the old group is kept, else) old 0
//	canary 10          new 1, 0 % ▸ 1 % ▸ 10 % ▸ new 10, 50 % ▸ 100 %, bake ▸ old 0
//	canary 10 detach 2 old 8, new 2, 0 % ▸ 1 % ▸ 10 % ▸ old 6, new 4 ▸ old 5, new 5, 50 % ▸ … ▸ old 0, new 10
//	recreate           old 0, then new n, in one stage
//	first              new n
//	first that bakes   new n, 100 %, bake
func Compile(r slipway.Rollout, kind slipway.Kind, from, want int, first bool) []slipway.Stage {
	c := compiler{Rollout: r, web: kind == slipway.Web, from: from, want: want}
	switch {
	case r.Strategy == slipway.Recreate:
		c.recreate()
	case first || want == 0:
		c.first()
	case r.Strategy == slipway.Immutable:
		c.immutable()
	case r.Strategy == slipway.Canary && r.Detach > 0 && min(from, want) > 1:
		c.inPlace()
	case r.Strategy == slipway.Canary:
		c.canary()
	default:
		c.rolling()
	}
	return c.stages
}

// compiler collects the stages of one schedule.
type compiler struct {
	slipway.Rollout
	web        bool
	from, want int
	stages     []slipway.Stage
}

func (c *compiler) add(s slipway.Stage) {
	if s.Order == "" {
		s.Order = slipway.Surge
	}
	if !c.web { // workers have no traffic to split
		s.Weight, s.ByReady, s.Leased = 0, true, false
	}
	c.stages = append(c.stages, s)
}

// recreate ends all old instances before a new one starts. With tests before
// traffic nobody serves while they run.
func (c *compiler) recreate() {
	if !c.previews() {
		c.add(slipway.Stage{New: c.want, Order: slipway.Alone, ByReady: true})
		return
	}
	c.add(slipway.Stage{New: c.want, Order: slipway.Alone, Preview: true})
	c.add(slipway.Stage{New: c.want, Order: slipway.Alone, Weight: slipway.All})
}

// first makes the whole group. What is tested before it has traffic, or watched
// while it has all of it, is given that by weight; else traffic comes with the
// first instance that is ready.
func (c *compiler) first() {
	all := slipway.Stage{New: c.want, Weight: slipway.All}
	if c.web && c.want > 0 && c.Bake > 0 {
		all.Hold, all.Gates = c.Bake, c.judged()
	}
	switch {
	case c.previews():
		c.add(slipway.Stage{New: c.want, Preview: true})
	case all.Hold == 0:
		all.Weight, all.ByReady = 0, true
	}
	c.add(all)
}

// rolling replaces Step instances in each stage, with at most Surge beyond
// those that it has to have.
func (c *compiler) rolling() {
	step := max(1, c.Step)
	ahead := max(c.Surge, step) - step
	for n := min(step, c.want); ; n = min(n+step, c.want) {
		c.add(slipway.Stage{
			New:     min(n+ahead, c.want),
			Old:     c.from * (c.want - n) / c.want, // rounded down, new + old still never less than min(from, want)
			ByReady: true,
		})
		if n == c.want {
			return
		}
	}
}

// immutable makes the whole group, then switches.
func (c *compiler) immutable() {
	c.add(slipway.Stage{New: c.want, Old: c.from, Preview: c.previews(), Passive: !c.web})
	if !c.web { // two groups that both take work are no state to stay in
		c.add(slipway.Stage{New: c.want})
		return
	}
	c.whole()
}

// canary gives the new group a growing weight, and first the instances to carry
// it. The old group stays whole until the end: it is what the weight goes back
// to.
func (c *compiler) canary() {
	n := min(max(1, c.Instances, c.beside(c.lightest())), c.want)
	c.add(slipway.Stage{New: n, Old: c.from, Preview: c.previews(), Passive: !c.web})
	for _, w := range c.Weights {
		n = max(n, c.beside(w))
		c.add(slipway.Stage{New: n, Old: c.from, Weight: w, Leased: true, Hold: c.Hold, Gates: c.judged()})
	}
	if !c.web {
		c.add(slipway.Stage{New: c.want})
		return
	}
	c.whole()
}

// whole is the end of those who make a whole new group: all traffic, a bake,
// and an old group that goes or is kept.
func (c *compiler) whole() {
	all := slipway.Stage{New: c.want, Old: c.from, Weight: slipway.All, Leased: c.Strategy == slipway.Canary, Hold: c.Bake}
	if c.Bake > 0 {
		all.Gates = c.judged()
	}
	c.add(all)
	if c.KeepOld == 0 {
		c.add(slipway.Stage{New: c.want, Weight: slipway.All})
	}
}

// inPlace is a canary for those who have no room for more: at most Detach
// instances are missing at any time, and never one is too many. Between the
// weights, and after the last, traffic follows what is ready.
func (c *compiler) inPlace() {
	room := min(c.from, c.want)
	detach := min(c.Detach, room-1)
	at := func(n int) slipway.Stage {
		return slipway.Stage{New: n, Old: max(0, room-n), Order: slipway.Vacate}
	}
	n := min(detach, c.want)
	start := at(n)
	start.Preview, start.Passive = c.previews(), !c.web
	c.add(start)
	grow := func(to int) {
		for ; n < to; n = min(n+detach, to) {
			next := at(min(n+detach, to))
			next.ByReady = true
			c.add(next)
		}
	}
	last := slipway.BasisPoints(0)
	for _, w := range c.Weights {
		grow(min(c.carrying(w), room-1))
		w = min(w, slipway.BasisPoints(int(slipway.All)*n/c.want)) // what those can carry who have room
		if w == last {
			continue
		}
		hold := at(n)
		hold.Weight, hold.Leased, hold.Hold, hold.Gates = w, true, c.Hold, c.judged()
		c.add(hold)
		last = w
	}
	grow(c.want)
	end := &c.stages[len(c.stages)-1]
	if end.Hold = c.Bake; c.Bake > 0 {
		end.Gates = c.judged()
	}
}

// judged are the gates of what is held, so that it can be looked at.
func (c *compiler) judged() []slipway.GateID {
	if c.Evidence == nil {
		return nil
	}
	return []slipway.GateID{slipway.GateEvidence}
}

// carrying is how many instances the new group needs to carry weight w.
func (c *compiler) carrying(w slipway.BasisPoints) int {
	return min((int(w)*c.want+int(slipway.All)-1)/int(slipway.All), c.want)
}

// beside is how many it needs beside an old group that stays whole: none of them
// is given more than each of the old ones, but for an eighth, or a canary would be
// convicted of its own load.
func (c *compiler) beside(w slipway.BasisPoints) int {
	if !c.web {
		return c.carrying(w)
	}
	rest := int(slipway.All - w)
	even := (8*c.from*int(w) - rest + 8*rest - 1) / (8 * rest)
	return min(max(c.carrying(w), even), c.want)
}

func (c *compiler) lightest() slipway.BasisPoints {
	if len(c.Weights) == 0 {
		return 0
	}
	return c.Weights[0]
}

func (c *compiler) previews() bool { return c.web && c.Preview != nil }
