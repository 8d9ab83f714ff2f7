// Package routertest is a working server side for tests of routing: what the
// register and the wake-ups do, kept in memory.
package routertest

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway"
)

// Store keeps routes and routers like the real one, until the process ends.
type Store struct {
	mu      sync.Mutex
	epoch   uint64
	version uint64
	routes  map[slipway.TargetID]slipway.Route
	routers map[slipway.RouterID]slipway.Router
	places  slipway.Environments
}

// NewStore makes an empty store of epoch 1.
func NewStore() *Store {
	return &Store{epoch: 1, routes: map[slipway.TargetID]slipway.Route{}, routers: map[slipway.RouterID]slipway.Router{}}
}

// Epoch is the store's epoch.
func (s *Store) Epoch() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// Restore is what a restored backup does: another epoch, an older version.
func (s *Store) Restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.version = 1
}

// SaveRoute keeps r, and refuses one with a lower fence than the kept one.
func (s *Store) SaveRoute(_ context.Context, r slipway.Route) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.routes[r.Target]
	if ok && r.Fence.Less(held.Fence) {
		return 0, slipway.Errorf(slipway.Stale, "fence %s is older than %s", r.Fence, held.Fence)
	}
	if !ok || !reflect.DeepEqual(held, r) {
		s.version++
		s.routes[r.Target] = r
	}
	return s.version, nil
}

// Routes returns all routes.
func (s *Store) Routes(context.Context) (uint64, []slipway.Route, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, slices.Collect(maps.Values(s.routes)), nil
}

// SaveRouter registers r.
func (s *Store) SaveRouter(_ context.Context, r slipway.Router) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routers[r.ID] = r
	return nil
}

// Routers returns the register.
func (s *Store) Routers(context.Context) ([]slipway.Router, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.routers)), nil
}

// ForgetRouter takes id out of the register.
func (s *Store) ForgetRouter(_ context.Context, id slipway.RouterID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.routers, id)
	return nil
}

// Declare makes these the environments.
func (s *Store) Declare(places slipway.Environments) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places = places
}

// Environments are those that were declared last.
func (s *Store) Environments(context.Context) (slipway.Environments, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.places, nil
}

// Hub passes hints, and remembers them.
type Hub struct {
	mu        sync.Mutex
	listeners map[chan struct{}]string
	heard     []string
}

// Wake hints at topic.
func (h *Hub) Wake(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = append(h.heard, topic)
	for c, of := range h.listeners {
		if of == topic {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// Listen hears the hints of topic.
func (h *Hub) Listen(topic string) (<-chan struct{}, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = map[chan struct{}]string{}
	}
	c := make(chan struct{}, 1)
	h.listeners[c] = topic
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, c)
	}
}

// Count is how often topic was hinted at.
func (h *Hub) Count(topic string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.heard {
		if t == topic {
			n++
		}
	}
	return n
}

// Tokens takes "slr_NAME" for the token of router NAME, and no other.
type Tokens struct{}

// Authenticate says which router bears token.
func (Tokens) Authenticate(_ context.Context, token string) (slipway.Principal, error) {
	name, ok := strings.CutPrefix(token, "slr_")
	if !ok {
		return slipway.Principal{}, slipway.Errorf(slipway.Unauthenticated, "this token is not known")
	}
	return slipway.Principal{Router: slipway.RouterID(name)}, nil
}
