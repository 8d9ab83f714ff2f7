package sim

import (
	"errors"
	"time"

	"github.com/slipway-cd/slipway"
)

// crash is what ends a server's process, wherever it is.
type crash struct{ *server }

// run does something as server s, which may not live through it.
func (s *server) run(what string, do func() error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case crash:
			if r.server != s {
				panic(r)
			}
			s.w.tell("%s  killed", s.name)
			s.boot()
		default:
			panic(r)
		}
	}()
	s.busy++
	defer func() { s.busy-- }()
	if err := do(); err != nil {
		s.w.tell("%s  %s: %s", s.name, what, brief(err))
	}
}

// call is every call that a server makes to the world outside. Here is where
// everything goes wrong.
func (s *server) call(name string, do func() error) error {
	w := s.w
	if w.calm || !w.chance(w.fury) {
		return do()
	}
	n := w.rng.IntN(len(callFaults))
	if n < 5 || w.suspended == 0 {
		w.fault(callFaults[n])
	}
	switch n {
	case 0:
		w.tell("%s  dies before %s", s.name, name)
		panic(crash{s})
	case 1:
		err := do()
		w.tell("%s  dies after %s (%s)", s.name, name, brief(err))
		panic(crash{s})
	case 2:
		w.tell("%s  %s is lost", s.name, name)
		return errLost
	case 3:
		err := do()
		w.tell("%s  the answer to %s is lost (%s)", s.name, name, brief(err))
		return errLost
	case 4:
		w.tell("%s  %s arrives twice", s.name, name)
		_ = do()
		return do()
	case 5:
		w.suspend(s, "before "+name)
		return do()
	default:
		err := do()
		w.suspend(s, "after "+name)
		return err
	}
}

// callFaults names what can befall a call.
var callFaults = []string{"died before a call", "died after a call", "call lost", "answer lost", "call twice", "stood still", "stood still"}

// suspend stops a server while the others go on, perhaps until its lease is
// over.
func (w *World) suspend(s *server, where string) {
	if w.suspended > 0 {
		return
	}
	w.suspended++
	w.tell("%s  stands still %s", s.name, where)
	if w.chance(2) {
		w.pass(w.between(time.Second, 10*time.Second))
	}
	for range w.rng.IntN(12) {
		w.event()
	}
	if w.chance(3) {
		w.govern() // of what it is about to do
	}
	w.tell("%s  goes on", s.name)
	w.suspended--
}

var errLost = slipway.Errorf(slipway.Unavailable, "the call was lost")

func brief(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*slipway.Error](err); ok {
		return string(e.Code) + ": " + e.Message
	}
	return err.Error()
}
