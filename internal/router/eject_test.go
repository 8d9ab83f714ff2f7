package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func someEndpoint(n int) *endpoint {
	return newEndpoint(slipway.TargetID{}, slipway.Endpoint{Instance: slipway.InstanceID(fmt.Sprint("i-", n))}, func() {})
}

// ask sends one request to e, and says how it went.
func (e *endpoint) ask(now time.Time, answer int, broke bool) (ejected bool) {
	f := &flight{began: now, ended: now, answer: answer, status: answer, broke: broke}
	e.acquire(f)
	ejected = e.judge(f)
	e.release(f)
	return ejected
}

func TestFailuresInARowEjectForLongerEachTime(t *testing.T) {
	e, now := someEndpoint(1), time.Now()
	for range failuresInARow - 1 {
		e.ask(now, 503, false)
	}
	e.ask(now, 200, false) // not in a row
	for n := range failuresInARow {
		if got := e.ask(now, 0, true); got != (n == failuresInARow-1) {
			t.Fatalf("failure %d: ejected %v", n+1, got)
		}
	}
	pause := shortestEjection
	for range 8 {
		if !e.isDown(now.Add(pause - time.Millisecond)) {
			t.Fatalf("back before %v", pause)
		}
		now = now.Add(pause)
		if e.isDown(now) {
			t.Fatalf("not tried after %v", pause)
		}
		trial := &flight{began: now, ended: now, broke: true}
		if e.acquire(trial); !e.isDown(now) {
			t.Fatal("more than one request finds out")
		}
		e.judge(trial)
		e.release(trial)
		pause = min(2*pause, longestEjection)
	}
	now = now.Add(pause)
	e.ask(now, 200, false)
	if e.isDown(now) {
		t.Error("it is well and not used")
	}
}

func TestWhatSaysNothingAboutAnInstance(t *testing.T) {
	e, now := someEndpoint(1), time.Now()
	for range 100 {
		e.ask(now, 500, false) // this request went wrong
		e.ask(now, 429, false)
		gone := &flight{began: now, ended: now, truncated: true}
		gone.gone.Store(true)
		e.acquire(gone)
		e.judge(gone)
		e.release(gone)
	}
	if e.isDown(now) {
		t.Error("ejected")
	}
	e.eject(now)
	old := &flight{began: now.Add(-time.Second), ended: now, answer: 200}
	e.acquire(old)
	e.judge(old)
	if !e.isDown(now) {
		t.Error("an answer that was on its way before brings it back")
	}
}

// Whatever becomes of a group's endpoints, it gets its weight and no more, and
// half of them at most are passed over.
func TestEjectionStaysInItsGroup(t *testing.T) {
	now := time.Now()
	r := &route{}
	var stable []*endpoint
	for n := range 4 {
		stable = append(stable, someEndpoint(n))
	}
	candidate := someEndpoint(9)
	r.share(group{id: "stable", weight: 9900, endpoints: stable})
	r.share(group{id: "candidate", weight: 100, endpoints: []*endpoint{candidate}})
	for down := range len(stable) + 1 {
		for _, e := range stable[:down] {
			e.eject(now)
		}
		got := map[*endpoint]int{}
		const requests = 20_000
		for range requests {
			g := r.split().draw()
			got[g.endpoints[g.least(nil, now)]]++
		}
		if n := got[candidate]; n < requests/100/2 || n > requests/100*2 {
			t.Errorf("%d of the stable group ejected: the candidate gets %d of %d", down, n, requests)
		}
		used := 0
		for _, e := range stable {
			if got[e] > 0 {
				used++
			}
		}
		if used < len(stable)/2 {
			t.Errorf("%d ejected: only %d of %d used", down, used, len(stable))
		}
	}
}
