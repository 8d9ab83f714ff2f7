package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
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
	router := slipway.Router{
		ID: s.Router, Host: s.Process.Host, Boot: s.Process.Boot, PID: s.Process.PID, Start: s.Process.Start, SeenAt: c.now(),
	}
	for _, p := range s.Before {
		router.Before = append(router.Before, slipway.Router{ID: s.Router, Host: p.Host, Boot: p.Boot, PID: p.PID, Start: p.Start})
	}
	known, late, save := c.looked(s, router.SeenAt)
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
	if !known {
		c.waker.Wake("routes") // it may have asked for them before it counted
	}
	return nil
}

// looked reports whether the process of a report is known, whether the report
// comes too late, and whether the register has to learn of it first. A process
// that is leaving is in the register by its successor.
func (c *Control) looked(s wire.Status, now time.Time) (known, late, save bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.heard[s.Router]
	if h == nil {
		return false, false, !s.Leaving
	}
	if before := h.before[s.Process]; before != nil {
		return true, s.Sequence <= before.status.Sequence || !s.Leaving, false
	}
	if h.now == nil || h.now.status.Process != s.Process {
		return false, false, !s.Leaving
	}
	late = s.Sequence <= h.now.status.Sequence
	save = now.Sub(h.now.saved) >= savedEvery || !slices.Equal(s.Before, h.now.status.Before)
	return true, late, save && !s.Leaving
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

// record remembers s, and returns whom to wake.
func (c *Control) record(router slipway.Router, s wire.Status, saved bool) (topics []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.speaker(s)
	if s.Sequence <= p.status.Sequence {
		return nil
	}
	topics = c.count(s)
	topics = append(topics, p.record(router, s, saved)...)
	h := c.heard[s.Router]
	left := len(h.before)
	c.settle(h)
	if len(h.before) < left {
		topics = append(topics, h.topics()...) // what waits for one that has left may go on
	}
	return topics
}

// hungUp looks into a poll that broke off: a process of the router may have
// died, and who waits for it may go on as soon as that is proven.
func (c *Control) hungUp(id slipway.RouterID) {
	for range 20 { // a process closes its connections a moment before it is gone
		if c.bereft(id) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.mu.Lock()
	var topics []string
	if h := c.heard[id]; h != nil {
		topics = h.topics()
		c.settle(h)
	}
	c.mu.Unlock()
	for _, t := range topics {
		c.waker.Wake(t)
	}
}

// bereft reports whether one of a router's processes has ended.
func (c *Control) bereft(id slipway.RouterID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.heard[id]
	return h == nil || slices.ContainsFunc(h.all(), func(s *speaker) bool { return s.status.Process.Ended() })
}
