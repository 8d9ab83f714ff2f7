package daemon

import (
	"net/netip"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestWhatAServerMayAsk(t *testing.T) {
	here, shared := place{here: true}, place{}
	for _, c := range []struct {
		text    string
		at      place
		address string
		may     bool
	}{
		{"", here, "127.0.0.1", true}, {"", here, "10.0.0.1", false}, {"", here, "169.254.169.254", false},
		{"", shared, "127.0.0.1", false}, {"", shared, "1.1.1.1", true},
		{"none", here, "127.0.0.1", false}, {"10.0.0.0/8", shared, "10.0.0.1", true}, {"10.0.0.0/8", here, "127.0.0.1", false},
	} {
		r, err := reachOf(c.text, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Check(netip.MustParseAddr(c.address)); (err == nil) != c.may {
			t.Errorf("%q, %+v: %s: %v", c.text, c.at, c.address, err)
		}
	}
	if err := checkReach("everything"); slipway.CodeOf(err) != slipway.Invalid {
		t.Error(err)
	}
}
