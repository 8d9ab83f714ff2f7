package evidence_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

func TestCountsThatGoBackwardsAreRefused(t *testing.T) {
	w := newWorld(1, .01, .01)
	var l evidence.Ledger
	w.weigh(5000)
	w.pass(time.Second)
	if _, err := l.Take(w.look()); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	before, bad := l.At, w.look()
	bad.Counted[0].Requests = 1
	if _, err := l.Take(bad); slipway.CodeOf(err) != slipway.Conflict || !l.At.Equal(before) {
		t.Errorf("%v; %s", err, l.At)
	}
	if all, err := l.Take(w.look()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}
