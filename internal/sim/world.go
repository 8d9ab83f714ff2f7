package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/deploy/rollout"
)

// start is what a deployment found when it began to move.
type start struct {
	ready []slipway.InstanceID
	stops int // of the old group, done or decided so far
}

// Options vary a world.
type Options struct {
	Tell   bool                                        // keep the story
	Mutate func(controller.Planner) controller.Planner // plant a bug
	Hasty  bool                                        // plant a bug: act before committing
}

// World is one seed's worth of everything.
type World struct {
	rng     *rand.Rand
	began   time.Time
	now     time.Time
	options Options

	store   *store
	driver  *driver
	routers []*router
	routes  map[slipway.TargetID]slipway.Route // that routers pull
	servers []*server
	targets []slipway.TargetID
	late    []func() // calls that will be delivered once more

	starts map[slipway.DeploymentID]start // what deployments found
	stops  map[slipway.GroupID]int        // instances of a group that were asked to stop
	taken  map[slipway.InstanceID]bool    // who was taken out while ready

	calm      bool // no more faults
	suspended int  // how many servers stand still in the middle of a call
	story     []string
	violation string
	counts    Counts
}

// Counts say how much a world went through.
type Counts struct {
	Events, Crashes, Zombies, Requests int
	Ended                              map[slipway.Phase]int
}

func newWorld(seed uint64, o Options) *World {
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	w := &World{
		rng: rand.New(rand.NewPCG(seed, 0x5117)), began: began, now: began, options: o,
		routes: map[slipway.TargetID]slipway.Route{},
		starts: map[slipway.DeploymentID]start{}, stops: map[slipway.GroupID]int{}, taken: map[slipway.InstanceID]bool{},
		counts: Counts{Ended: map[slipway.Phase]int{}},
	}
	w.store = newStore(w)
	w.driver = newDriver(w)
	for i := range 1 + w.rng.IntN(2) {
		w.routers = append(w.routers, newRouter(w, fmt.Sprintf("r%d", i+1)))
	}
	for i := range 2 {
		w.servers = append(w.servers, newServer(w, string(rune('A'+i))))
	}
	return w
}

// Now makes the world a clock.
func (w *World) Now() time.Time { return w.now }

// chance is true once in n times.
func (w *World) chance(n int) bool { return w.rng.IntN(n) == 0 }

// between draws a duration.
func (w *World) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)))
}

// pass lets time go by, in steps small enough that nothing is overtaken.
func (w *World) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(50*time.Millisecond, end.Sub(w.now)))
		w.driver.live()
		for _, r := range w.routers {
			r.finish()
		}
	}
}

// tell adds a line to the story.
func (w *World) tell(format string, args ...any) {
	if w.options.Tell {
		at := w.now.Sub(w.began).Truncate(time.Millisecond)
		w.story = append(w.story, fmt.Sprintf("%10s  ", at)+fmt.Sprintf(format, args...))
	}
}

// violate records the first thing that must not be.
func (w *World) violate(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.tell("VIOLATION  %s", w.violation)
	}
}

// server is one boot after another of one server process.
type server struct {
	w     *World
	name  string
	boots int
	busy  int // standing still in the middle of a call
	c     *controller.Controller

	seen []glimpse // what there was when it last listed
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
	s.c = &controller.Controller{
		Store: storeDoor{s.w.store, s}, Driver: driverDoor{s.w.driver, s}, Traffic: trafficDoor{s}, Waker: deaf{},
		Log: slog.New(slog.DiscardHandler), Clock: s.w, Owner: fmt.Sprintf("%s%d", s.name, s.boots),
		PortFree: func(int) bool { return true }, Plan: rollout.Plan,
	}
	if s.w.options.Mutate != nil {
		s.c.Plan = s.w.options.Mutate(s.c.Plan)
	}
	if s.w.options.Hasty {
		s.c.Plan = s.hasty
	}
}

// deaf is a Waker without hints: in this world everybody looks by chance.
type deaf struct{}

func (deaf) Listen(string) (<-chan struct{}, func()) { return nil, func() {} }
func (deaf) Wake(string)                             {}
