package sim

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// server is one boot after another of one server process.
type server struct {
	w     *World
	name  string
	boots int
	busy  int           // standing still in the middle of a call
	ahead time.Duration // its clock, of the true time
	c     *controller.Controller
	heard map[slipway.RouterID]map[slipway.TargetID]report

	seen   []glimpse // what there was when it last listed
	seenAt time.Time // when it last observed routers,
	spoke  []*router // which counted then

	judgedAt time.Time // by its clock, when it last asked the gates
}

func newServer(w *World, name string) *server {
	s := &server{w: w, name: name}
	s.boot()
	return s
}

// boot starts the process anew: all it had in mind is gone.
func (s *server) boot() {
	s.boots++
	s.seen = nil
	s.heard = map[slipway.RouterID]map[slipway.TargetID]report{}
	s.c = &controller.Controller{
		Store: storeDoor{s.w.store, s}, Driver: driverDoor{s.w.driver, s}, Traffic: trafficDoor{s}, Tasks: taskDoor{s}, Waker: deaf{},
		Log: slog.New(slog.DiscardHandler), Clock: s, Owner: fmt.Sprintf("%s%d", s.name, s.boots),
		PortFree: func(int) bool { return true }, Gatekeeper: keeperDoor{s},
	}
	plan := controller.Planner(rollout.Plan)
	if s.w.options.Hasty {
		plan = s.hasty
	}
	if s.w.options.Mutate != nil {
		plan = s.w.options.Mutate(plan)
	}
	s.c.Plan = s.outlook(plan)
}

// Now is what the clock of the server's machine says.
func (s *server) Now() time.Time { return s.w.now.Add(s.ahead) }

// deaf is a Waker without hints: in this world everybody looks by chance.
type deaf struct{}

func (deaf) Listen(string) (<-chan struct{}, func()) { return nil, func() {} }
func (deaf) Wake(string)                             {}

// turn is when the clock of a server was set.
type turn struct {
	at            time.Time
	before, after time.Duration
}

// turnClock sets a server's clock, by little or by much, or puts it right.
func (w *World) turnClock() {
	s := w.servers[w.rng.IntN(len(w.servers))]
	before := s.ahead
	by := w.between(-20*time.Second, 20*time.Second)
	if w.chance(4) {
		by *= 180
	}
	if s.ahead += by; w.chance(2) {
		s.ahead = 0
	}
	if s.ahead == before {
		return
	}
	w.fault("clock turned")
	w.turns = append(w.turns, turn{w.now, before, s.ahead})
	w.tell("%s  its clock is %s ahead", s.name, s.ahead.Truncate(time.Millisecond))
}

// skew is by how much clocks have disagreed since a time: what was noted by one
// and read by another may be off by that.
func (w *World) skew(since time.Time) time.Duration {
	low, high := w.servers[0].ahead, w.servers[0].ahead
	note := func(d time.Duration) { low, high = min(low, d), max(high, d) }
	for _, s := range w.servers {
		note(s.ahead)
	}
	for _, t := range w.turns {
		if !t.at.Before(since) {
			note(t.before)
			note(t.after)
		}
	}
	return high - low
}
