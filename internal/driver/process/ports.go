package process

import (
	"context"
	"net"
	"strconv"

	"github.com/slipway-cd/slipway"
)

// Ports of instances lie below those that the kernel gives to outgoing
// connections.
const (
	firstPort = 20000
	lastPort  = 29999
)

// choosePort finds a port that no instance has, stopped ones included, and
// nobody else listens on. Ports are given in turn, so that one that was
// forgotten rests for as long as possible.
func (d *Driver) choosePort(ctx context.Context) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	used := map[int]bool{}
	for _, i := range d.instances {
		used[i.spec.Port] = true
	}
	for range lastPort - firstPort + 1 {
		p := d.nextPort
		if d.nextPort++; d.nextPort > lastPort {
			d.nextPort = firstPort
		}
		if !used[p] && free(ctx, p) {
			return p, nil
		}
	}
	return 0, slipway.Errorf(slipway.Unavailable, "no port from %d to %d is free", firstPort, lastPort)
}

func free(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(loopback.String(), strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
