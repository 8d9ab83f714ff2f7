package wake

import (
	"sync"
	"testing"
	"testing/synctest"
)

func TestHintsMergeButAreNotLost(t *testing.T) {
	h := New()
	c, stop := h.Listen("jobs")
	defer stop()
	for range 3 {
		h.Wake("jobs")
	}
	if !heard(c) {
		t.Error("no hint although the topic was woken before anybody received")
	}
	if heard(c) {
		t.Error("merged hints came twice")
	}
	h.Wake("jobs")
	if !heard(c) {
		t.Error("no hint after the first was received")
	}
}

func TestTopics(t *testing.T) {
	h := New()
	jobs, stopJobs := h.Listen("jobs")
	defer stopJobs()
	other, stopOther := h.Listen("jobs")
	defer stopOther()
	routes, stopRoutes := h.Listen("routes")
	defer stopRoutes()
	all, stopAll := h.Listen("")
	defer stopAll()

	h.Wake("jobs")
	if !heard(jobs) || !heard(other) {
		t.Error("not every listener of the topic was woken")
	}
	if heard(routes) {
		t.Error("a listener of another topic was woken")
	}
	if !heard(all) {
		t.Error("the listener of all topics was not woken")
	}
}

func TestStopForgets(t *testing.T) {
	h := New()
	c, stop := h.Listen("jobs")
	stop()
	stop() // twice is harmless
	h.Wake("jobs")
	if heard(c) {
		t.Error("woken after stop")
	}
	if len(h.listeners) != 0 {
		t.Errorf("%d topics are kept without listeners", len(h.listeners))
	}
}

// Somebody who listens first and reads the state next sees every change.
func TestNoWakeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New()
		var mu sync.Mutex
		state := 0
		c, stop := h.Listen("events")
		defer stop()

		var writers sync.WaitGroup
		for range 8 {
			writers.Go(func() {
				for range 100 {
					mu.Lock()
					state++
					mu.Unlock()
					h.Wake("events")
				}
			})
		}
		for seen := 0; seen < 800; { // a lost hint is a deadlock, which synctest reports
			<-c
			mu.Lock()
			seen = state
			mu.Unlock()
		}
		writers.Wait()
	})
}

func heard(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
