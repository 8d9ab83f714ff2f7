package router

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// doors are the ports that the router listens at. A door stays open over
// changes of the table for as long as some route has its port; one that cannot
// be opened is tried again.
type doors struct {
	host  string
	serve func(net.Listener)

	mu     sync.Mutex
	opened bool // before that, nothing listens
	wanted map[int]bool
	open   map[int]net.Listener
	why    map[int]string // why a wanted port is not open
}

func newDoors(host string, serve func(net.Listener)) *doors {
	return &doors{host: host, serve: serve, wanted: map[int]bool{}, open: map[int]net.Listener{}, why: map[int]string{}}
}

// start opens what is wanted from now on.
func (d *doors) start(ctx context.Context) {
	d.mu.Lock()
	d.opened = true
	d.mu.Unlock()
	d.retry(ctx)
}

// want says which ports should be open, and opens and closes accordingly.
func (d *doors) want(ctx context.Context, ports map[int]*route) {
	d.mu.Lock()
	clear(d.wanted)
	for port := range ports {
		d.wanted[port] = true
	}
	for port, l := range d.open {
		if !d.wanted[port] {
			_ = l.Close()
			delete(d.open, port)
		}
	}
	maps.DeleteFunc(d.why, func(port int, _ string) bool { return !d.wanted[port] })
	d.mu.Unlock()
	d.retry(ctx)
}

// retry opens wanted ports that are not open, and reports whether what is wrong
// has changed.
func (d *doors) retry(ctx context.Context) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.opened || ctx.Err() != nil {
		return false
	}
	for _, port := range slices.Sorted(maps.Keys(d.wanted)) {
		if d.open[port] != nil {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(d.host, strconv.Itoa(port)))
		before := d.why[port]
		if err != nil {
			d.why[port] = portText(port) + " cannot be opened: " + reason(err)
		} else {
			delete(d.why, port)
			d.open[port] = l
			d.serve(&door{l.(*net.TCPListener), port})
		}
		changed = changed || d.why[port] != before
	}
	return changed
}

func (d *doors) trouble(port int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.why[port]
}

func portText(port int) string { return fmt.Sprintf("port %d", port) }

func reason(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return "another program has it"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// door is one listening port. Its connections know by which they came.
type door struct {
	*net.TCPListener
	port int
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return newClient(c, d.port), nil
}
