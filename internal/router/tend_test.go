package router_test

import (
	"testing"
	"time"
)

// TestATableIsAcknowledgedAtOnce: not with the next report that is due anyway.
func TestATableIsAcknowledgedAtOnce(t *testing.T) {
	w := newWorld(t)
	one, other := w.start(nil), w.start(nil)
	late := 0
	for range 1500 {
		one, other = other, one
		if took := w.acknowledged(w.route(time.Second, one)); took > 500*time.Millisecond {
			late++
		}
	}
	if late > 1 { // a machine may be busy for a moment
		t.Errorf("%d of 1500 tables were acknowledged late", late)
	}
}
