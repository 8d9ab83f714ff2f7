package yard

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePorts finds n free ports in a row. It looks below those that instances
// get and that the kernel gives to outgoing connections.
func FreePorts(n int) (int, error) {
	const low, high = 10_000, 19_900
	for range 200 {
		base := low + rand.N(high-low-n)
		if allFree(base, n) {
			return base, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row from %d to %d", n, low, high)
}

func allFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it does not wait
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
