package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
)

// Options vary a world.
type Options struct {
	Tell   bool                                        // keep the story
	Mutate func(controller.Planner) controller.Planner // plant a bug in the planner

	// Bugs around the planner.
	Hasty    bool // acts before it commits
	Careless bool // commits do not compare
	Unfenced bool // executors let everybody in
	Lax      bool // who locks and declares leaves alone what is planned already
	Eager    bool // routers get tables before they count
	Trusting bool // routers do not doubt the routes of a backup
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

	tasks   map[slipway.TaskID]*task
	gates   map[gate]*verdict
	backups []backup
	place   int       // where this is: another one after each move
	outage  time.Time // the store answers nobody until then
	turns   []turn    // of the clocks of servers

	truth     truth
	fury      int  // one call in so many meets a fault
	remote    int  // routers hear of the server one time in so many
	calm      bool // no more faults
	changed   bool // something was committed in this round of calm
	suspended int  // how many servers stand still in the middle of a call
	story     []string
	violation string
	counts    Counts
}

func newWorld(seed uint64, o Options) *World {
	began := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	w := &World{
		rng: rand.New(rand.NewPCG(seed, 0x5117)), began: began, now: began, options: o,
		routes: map[slipway.TargetID]slipway.Route{}, truth: newTruth(),
		tasks: map[slipway.TaskID]*task{}, gates: map[gate]*verdict{},
		counts: newCounts(),
	}
	w.fury = []int{14, 14, 50, 200}[w.rng.IntN(4)]
	w.remote = []int{1, 1, 1, 5}[w.rng.IntN(4)]
	w.store = newStore(w)
	w.driver = newDriver(w)
	for i := range 1 + w.rng.IntN(2) {
		w.routers = append(w.routers, newRouter(w, fmt.Sprintf("r%d", i+1)))
	}
	for i := range 1 + min(1, w.rng.IntN(3)) {
		w.servers = append(w.servers, newServer(w, string(rune('A'+i))))
	}
	return w
}

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
			r.live()
		}
		w.runTasks()
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
