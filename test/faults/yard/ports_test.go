package yard

import (
	"net"
	"slices"
	"testing"
)

func TestYardsShareNoPorts(t *testing.T) {
	var taken []int
	for range 60 {
		first, guard, err := takePorts()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = guard.Close() })
		if at := guard.Addr().(*net.TCPAddr).Port; at != first+ports {
			t.Fatalf("the guard of %d listens at %d", first, at)
		}
		taken = append(taken, first)
	}
	slices.Sort(taken)
	for n, first := range taken[1:] {
		if taken[n]+ports >= first {
			t.Errorf("two yards have ports from %d and from %d", taken[n], first)
		}
	}
}
