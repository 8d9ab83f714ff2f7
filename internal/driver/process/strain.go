package process

import (
	"sync"
	"time"
)

// strain tells, of somebody who has not answered in time, whether it is to be
// blamed: a process that is ready to run and does not get to says nothing about
// itself.
type strain struct {
	pid    func() int
	began  time.Time
	within time.Duration
	timer  *time.Timer

	mu     sync.Mutex
	felt   time.Time // zero: not yet
	waited time.Duration
}

// feel begins with a wait of within for process pid. It looks at the process
// only when a good part of that is over: who answers at once costs nothing.
func feel(within time.Duration, pid func() int) *strain {
	s := &strain{pid: pid, began: time.Now(), within: within}
	s.timer = time.AfterFunc(within/4, func() {
		waited := waited(pid())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.felt, s.waited = time.Now(), waited
	})
	return s
}

// end reports whether this process was late itself, or the other one spent half
// of the time since with waiting for a processor.
func (s *strain) end() bool {
	s.timer.Stop()
	now := time.Now()
	if now.Sub(s.began) > s.within*3/2 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.felt.IsZero() && now.Sub(s.felt) >= s.within/4 && waited(s.pid())-s.waited >= now.Sub(s.felt)/2
}
