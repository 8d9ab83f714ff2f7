package wake

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cable joins hubs within a process.
type cable struct {
	mu    sync.Mutex
	heard map[*end]func([]string)
	said  [][]string
	stuck chan struct{} // when not nil, nothing is taken until it is closed
}

type end struct{ *cable }

func (c *cable) end() *end { return &end{c} }

func (e *end) Carry(ctx context.Context, next func(context.Context) []string, heard func([]string)) error {
	e.mu.Lock()
	e.heard[e] = heard
	e.mu.Unlock()
	for {
		if e.stuck != nil {
			select {
			case <-e.stuck:
			case <-ctx.Done():
			}
		}
		topics := next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		e.mu.Lock()
		e.said = append(e.said, topics)
		for other, heard := range e.heard {
			if other != e {
				heard(topics)
			}
		}
		e.mu.Unlock()
	}
}

// join makes a hub on the cable, until the test ends.
func (c *cable) join(t *testing.T) (h *Hub, leave func()) {
	h = New()
	ctx, cancel := context.WithCancel(t.Context())
	var joined sync.WaitGroup
	joined.Go(func() {
		if err := h.Join(ctx, c.end()); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return h, func() { cancel(); joined.Wait() }
}

// told returns what was said since it was asked last.
func (c *cable) told() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.said
	c.said = nil
	return said
}

func newCable() *cable { return &cable{heard: map[*end]func([]string){}} }

func TestOthersAreWokenToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable()
		a, leaveA := c.join(t)
		defer leaveA()
		b, leaveB := c.join(t)
		defer leaveB()
		own, stop := a.Listen("jobs")
		defer stop()
		there, stop := b.Listen("jobs")
		defer stop()
		ofOthers, stop := b.Listen(Peers("jobs"))
		defer stop()
		ofOthersHere, stop := a.Listen(Peers("jobs"))
		defer stop()
		all, stop := b.Listen("")
		defer stop()

		a.Wake("jobs")
		time.Sleep(time.Minute)
		for name, c := range map[string]<-chan struct{}{"here": own, "there": there, "there, of others": ofOthers, "there, of all": all} {
			if !heard(c) {
				t.Errorf("nobody was woken %s", name)
			}
		}
		if heard(ofOthersHere) || heard(own) {
			t.Error("a hint came back to who gave it")
		}
		if said := c.told(); len(said) != 1 {
			t.Errorf("one hint was said %d times: %v", len(said), said)
		}
	})
}

// Whatever is woken here, little is kept for the others, and nobody waits.
func TestAFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable()
		c.stuck = make(chan struct{})
		a, leaveA := c.join(t)
		defer leaveA()
		began := time.Now()
		for i := range 10 * maxSaid {
			a.Wake(fmt.Sprintf("log/%d", i))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("waking took %s", took)
		}
		if n := len(a.peers.said); n > maxSaid {
			t.Errorf("%d topics are kept", n)
		}
		close(c.stuck)
		time.Sleep(time.Minute)
		if said := c.told(); !slices.EqualFunc(said, [][]string{{""}}, slices.Equal) {
			t.Errorf("what was said is %v, not that all may have changed", said)
		}

		for i := range 10_000 { // ten seconds of it
			a.Wake(fmt.Sprintf("log/%d", i%100))
			time.Sleep(time.Millisecond)
		}
		if n := len(c.told()); n > 1100 {
			t.Errorf("%d were said in ten seconds", n)
		}
	})
}

// After a gap everybody looks, the general first, and not all at once.
func TestAfterAGapAllAreWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable()
		a, leaveA := c.join(t)
		defer leaveA()
		b, leaveB := c.join(t)
		defer leaveB()
		const targets = 2000
		var each []<-chan struct{}
		for i := range targets {
			c, stop := b.Listen(fmt.Sprintf("target/%d/prod", i))
			defer stop()
			each = append(each, c)
		}
		jobs, stop := b.Listen("jobs")
		defer stop()
		routes, stop := b.Listen(Peers("routes"))
		defer stop()

		a.Wake("")
		time.Sleep(sayEvery)
		synctest.Wait()
		if !heard(jobs) || !heard(routes) {
			t.Error("what concerns everything waits for the rest")
		}
		woken := 0
		count := func() {
			for _, c := range each {
				if heard(c) {
					woken++
				}
			}
		}
		if count(); woken > 2*stirMost {
			t.Errorf("%d are woken at once", woken)
		}
		time.Sleep(5 * time.Second)
		if count(); woken != targets {
			t.Errorf("%d of %d were woken", woken, targets)
		}
	})
}

func TestAHubThatLeftSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable()
		a, leave := c.join(t)
		leave()
		a.Wake("jobs")
		if a.peers != nil {
			t.Error("hints are kept for nobody")
		}
	})
}
