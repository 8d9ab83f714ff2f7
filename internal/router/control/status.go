package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// status takes a router's report.
func (c *Control) status(w http.ResponseWriter, r *http.Request, caller slipway.RouterID) error {
	var s wire.Status
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, wire.MaxStatus)).Decode(&s)
	if _, big := errors.AsType[*http.MaxBytesError](err); big {
		return slipway.Errorf(slipway.TooLarge, "a report is over %d MiB", wire.MaxStatus>>20)
	}
	if err != nil {
		return slipway.Errorf(slipway.Invalid, "the report cannot be read: %w", err)
	}
	if s.Router != caller {
		return slipway.Errorf(slipway.Forbidden, "this token is not router %s's", s.Router)
	}
	if err := c.take(r.Context(), s); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// savedEvery is how often the register learns that a router was seen; that it
// exists, and as which process, it learns before the router is believed.
const savedEvery = time.Minute

func (c *Control) take(ctx context.Context, s wire.Status) error {
	now := c.now()
	router := slipway.Router{
		ID: s.Router, Host: s.Process.Host, Boot: s.Process.Boot, PID: s.Process.PID, Start: s.Process.Start, SeenAt: now,
	}
	c.mu.Lock()
	h := c.heard[s.Router]
	known := h != nil && h.status.Process == s.Process
	late := known && s.Sequence <= h.status.Sequence
	save := !known || now.Sub(h.saved) >= savedEvery
	c.mu.Unlock()
	if late {
		return nil
	}
	if !known {
		if err := c.succeeds(ctx, s); err != nil {
			return err
		}
	}
	if save {
		if err := c.store.SaveRouter(ctx, router); err != nil {
			return err
		}
	}
	for _, topic := range c.record(router, s, save) {
		c.waker.Wake(topic)
	}
	return nil
}

// succeeds checks that a process may speak for a router: its predecessor has
// ended. On its own machine it proves that by the lock on the router's
// directory.
func (c *Control) succeeds(ctx context.Context, s wire.Status) error {
	routers, err := c.store.Routers(ctx)
	if err != nil {
		return err
	}
	for _, r := range routers {
		before := wire.ProcessOf(r)
		if r.ID == s.Router && before != s.Process && !before.SameMachine(s.Process) && !before.Ended() {
			return slipway.Errorf(slipway.Conflict, "router %s is registered as process %d of another machine, which may still serve", r.ID, r.PID).
				Do("Give this router an ID of its own, or forget the other one when it is certain that it is gone.")
		}
	}
	return nil
}

// record makes s what is known of its router, and returns whom to wake.
func (c *Control) record(router slipway.Router, s wire.Status, saved bool) (topics []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.heard[s.Router]
	if h == nil || h.status.Process != s.Process {
		if h != nil {
			c.bury(h)
		}
		h = &heard{rates: map[slipway.TargetID]*rate{}}
		c.heard[s.Router] = h
	}
	if s.Sequence <= h.status.Sequence {
		return nil
	}
	before := h.targets
	h.router, h.status = router, s
	h.targets = make(map[slipway.TargetID]wire.Target, len(s.Targets))
	if saved {
		h.saved = router.SeenAt
	}
	for _, said := range s.Targets {
		h.targets[said.Target] = said
		r := h.rates[said.Target]
		if r == nil {
			r = new(rate)
			h.rates[said.Target] = r
		}
		r.observe(said.Requests, router.SeenAt)
		if was, ok := before[said.Target]; !ok || matters(was, said) {
			topics = append(topics, topic(said.Target))
		}
	}
	return topics
}

// matters reports whether a plan may depend on the difference: another table,
// an instance that has drained, trouble that came or went. Requests that come
// and go do not matter.
func matters(was, is wire.Target) bool {
	if was.Fence != is.Fence || was.Why != is.Why {
		return true
	}
	for i := range was.Draining {
		if is.Draining[i] == 0 {
			return true
		}
	}
	return false
}

func (h *heard) topics() (all []string) {
	for t := range h.targets {
		all = append(all, topic(t))
	}
	return all
}

func topic(t slipway.TargetID) string { return "target/" + t.String() }

// hungUp looks into a poll that broke off: the router may have died, and who
// waits for it may go on as soon as that is proven.
func (c *Control) hungUp(id slipway.RouterID) {
	c.mu.Lock()
	h := c.heard[id]
	c.mu.Unlock()
	if h == nil {
		return
	}
	for range 20 { // a process closes its connections a moment before it is gone
		c.mu.Lock()
		process, replaced := h.status.Process, c.heard[id] != h
		c.mu.Unlock()
		if replaced {
			return
		}
		if process.Ended() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.mu.Lock()
	topics := h.topics()
	c.mu.Unlock()
	for _, t := range topics {
		c.waker.Wake(t)
	}
}
