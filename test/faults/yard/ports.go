package yard

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// ports that an installation may use. The one after them is its guard's.
const ports = 40

// takePorts finds free ports in a row, below those that other packages' tests and
// instances get, and that the kernel gives to outgoing connections. No other yard
// takes one of them, of this process or another, while their guard listens.
func takePorts() (first int, guard net.Listener, err error) {
	const low, blocks, block = 10_000, 146, ports + 1
	for range 200 {
		first := low + rand.N(blocks)*block
		guard, err := listen(first + ports)
		if err != nil {
			continue
		}
		if allFree(first) {
			return first, guard, nil
		}
		_ = guard.Close()
	}
	return 0, nil, errors.New("no ports are free for an installation")
}

func allFree(first int) bool {
	for port := first; port < first+ports; port++ {
		l, err := listen(port)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it does not wait
}
