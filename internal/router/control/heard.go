package control

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// heard is what was heard of one router since this server started: of the
// process that it is, and of those that it was before an upgrade and that still
// serve what they had.
type heard struct {
	now    *speaker // nil: none but such that are leaving
	before map[wire.Process]*speaker
}

// speaker is what one process of a router said.
type speaker struct {
	router  slipway.Router
	saved   time.Time // when it was last written to the register
	status  wire.Status
	targets map[slipway.TargetID]wire.Target
	rates   map[slipway.TargetID]*rate
}

// mostBefore bounds the processes of a router that are leaving at a time.
const mostBefore = 64

func newSpeaker() *speaker {
	return &speaker{rates: map[slipway.TargetID]*rate{}}
}

// speaker finds who says s, and makes room for a process that was not heard
// before.
func (c *Control) speaker(s wire.Status) *speaker {
	h := c.heard[s.Router]
	if h == nil {
		h = &heard{before: map[wire.Process]*speaker{}}
		c.heard[s.Router] = h
	}
	if h.now != nil && h.now.status.Process == s.Process {
		return h.now
	}
	if s.Leaving {
		if h.before[s.Process] == nil {
			if len(h.before) >= mostBefore {
				return newSpeaker() // heard, and not remembered: what is named and unheard blocks anyway
			}
			h.before[s.Process] = newSpeaker()
		}
		return h.before[s.Process]
	}
	if h.now != nil {
		h.before[h.now.status.Process] = h.now
	}
	h.now = newSpeaker()
	return h.now
}

// settle buries those that the process of now does not name, or that have
// provably ended.
func (c *Control) settle(h *heard) {
	for process, s := range h.before {
		if h.now != nil && !slices.Contains(h.now.status.Before, process) || process.Ended() {
			c.bury(s)
			delete(h.before, process)
		}
	}
}

// heirs adds those who have taken over and were not heard yet.
func (h *heard) heirs(all map[wire.Process]*speaker) {
	if h.now != nil && !h.now.status.Leaving {
		return // it names all that were before it
	}
	for _, s := range h.all() {
		if after := s.status.After; after != nil && all[*after] == nil {
			all[*after] = nil
		}
	}
}

// all are the processes that were heard.
func (h *heard) all() []*speaker {
	var all []*speaker
	if h.now != nil {
		all = append(all, h.now)
	}
	for _, s := range h.before {
		all = append(all, s)
	}
	return all
}

func (h *heard) topics() (all []string) {
	for _, s := range h.all() {
		for t := range s.targets {
			all = append(all, topic(t))
		}
	}
	return all
}

// record makes s what is known of its speaker, and returns whom to wake.
func (p *speaker) record(router slipway.Router, s wire.Status, saved bool) (topics []string) {
	before := p.targets
	p.router, p.status = router, s
	p.targets = make(map[slipway.TargetID]wire.Target, len(s.Targets))
	if saved {
		p.saved = router.SeenAt
	}
	for _, said := range s.Targets {
		p.targets[said.Target] = said
		r := p.rates[said.Target]
		if r == nil {
			r = new(rate)
			p.rates[said.Target] = r
		}
		r.observe(said.Requests, router.SeenAt)
		if was, ok := before[said.Target]; !ok || matters(was, said) {
			topics = append(topics, topic(said.Target))
		}
	}
	return topics
}

// matters reports whether a plan may depend on the difference: another table,
// an instance that has drained, weights that were given back, trouble that came
// or went. Requests that come and go do not matter.
func matters(was, is wire.Target) bool {
	if was.Fence != is.Fence || was.Why != is.Why || was.Lapsed != is.Lapsed {
		return true
	}
	for i := range was.Draining {
		if is.Draining[i] == 0 {
			return true
		}
	}
	return false
}

func topic(t slipway.TargetID) string { return "target/" + t.String() }
