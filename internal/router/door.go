package router

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"github.com/slipway-cd/slipway/internal/router/wire"
)

// doors are the addresses that the router listens at. A door stays open over
// changes of the table for as long as something is wanted there; one that cannot
// be opened is tried again.
type doors struct {
	host  string
	serve func(net.Listener)

	mu        sync.Mutex
	opened    bool // before that, nothing listens
	wanted    map[string]entrance
	open      map[string]*door
	inherited map[string]*net.TCPListener // sockets that another process listened at, until they are used
	why       map[string]string           // why a wanted address is not open
	certs     certificates
}

// entrance is what somebody enters by who comes in at an address.
type entrance struct {
	port     int           // of a route or a preview; 0: a listener
	listener wire.Listener // of an environment
}

func newDoors(host string, serve func(net.Listener)) *doors {
	return &doors{
		host: host, serve: serve,
		wanted: map[string]entrance{}, open: map[string]*door{}, inherited: map[string]*net.TCPListener{},
		why: map[string]string{}, certs: certificates{},
	}
}

// start opens what is wanted from now on.
func (d *doors) start(ctx context.Context) {
	d.mu.Lock()
	d.opened = true
	d.mu.Unlock()
	d.retry(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	for address, l := range d.inherited { // what nobody wants any more
		_ = l.Close()
		delete(d.inherited, address)
	}
}

// inherit takes over a socket that another process listens at, to be used when
// its address is wanted.
func (d *doors) inherit(address string, l net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tcp, ok := l.(*net.TCPListener); ok {
		d.inherited[address] = tcp
		return
	}
	_ = l.Close()
}

// sockets are those that are open, by address.
func (d *doors) sockets() map[string]*net.TCPListener {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]*net.TCPListener{}
	for address, open := range d.open {
		all[address] = open.TCPListener
	}
	return all
}

// shut closes all doors for good. Where another process listens at the same
// sockets, nobody is turned away.
func (d *doors) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened = false
	for address, open := range d.open {
		_ = open.Close()
		delete(d.open, address)
	}
	clear(d.wanted)
	clear(d.why)
}

// want says which doors a table needs, and opens and closes accordingly.
func (d *doors) want(ctx context.Context, t *table) {
	d.mu.Lock()
	clear(d.wanted)
	for port, r := range t.ports {
		d.wanted[d.address(port, r.isPreview)] = entrance{port: port}
	}
	for _, l := range t.listeners {
		if _, taken := d.wanted[l.Address]; !taken {
			d.wanted[l.Address] = entrance{listener: l}
		}
	}
	for address, open := range d.open {
		if d.wanted[address] != open.entrance {
			_ = open.Close()
			delete(d.open, address)
		}
	}
	maps.DeleteFunc(d.why, func(address string, _ string) bool { return d.wanted[address] == entrance{} })
	d.mu.Unlock()
	d.retry(ctx)
}

// address is where a port is opened. A preview is for this machine alone.
func (d *doors) address(port int, preview bool) string {
	host := d.host
	if preview {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// retry opens wanted doors that are not open, reads certificates that have
// changed, and reports whether what is wrong has changed.
func (d *doors) retry(ctx context.Context) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.opened || ctx.Err() != nil {
		return false
	}
	for _, address := range slices.Sorted(maps.Keys(d.wanted)) {
		before := d.why[address]
		if why := d.tend(ctx, address, d.wanted[address]); why != "" {
			d.why[address] = why
		} else {
			delete(d.why, address)
		}
		changed = changed || d.why[address] != before
	}
	return changed
}

// tend sees to one door, and returns what is wrong with it.
func (d *doors) tend(ctx context.Context, address string, e entrance) (why string) {
	var secure *tls.Config
	if l := e.listener; l.Cert != "" {
		c := d.certs.of(l.Cert, l.Key)
		why = c.refresh()
		if why != "" {
			why = "listener of " + string(l.Environment) + ": " + why
		}
		if !c.usable() {
			return why
		}
		secure = c.config()
	}
	if d.open[address] != nil {
		return why
	}
	l, err := d.socket(ctx, address)
	if err != nil {
		return e.String() + " cannot be opened: " + reason(err)
	}
	open := &door{TCPListener: l, entrance: e}
	d.open[address] = open
	if secure != nil {
		d.serve(tls.NewListener(open, secure))
	} else {
		d.serve(open)
	}
	return why
}

func (d *doors) socket(ctx context.Context, address string) (*net.TCPListener, error) {
	if l := d.inherited[address]; l != nil {
		delete(d.inherited, address)
		return l, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// trouble is what is wrong with the doors that lead to r.
func (d *doors) trouble(r *route, listeners []wire.Listener) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if why := d.why[d.address(r.Port, false)]; why != "" {
		return why
	}
	if r.Preview != nil {
		if why := d.why[d.address(r.Preview.Port, true)]; why != "" {
			return why
		}
	}
	for _, l := range listeners {
		if l.Environment != r.Target.Environment {
			continue
		}
		if at := d.wanted[l.Address]; at != (entrance{listener: l}) {
			return "listener of " + string(l.Environment) + ": " + l.Address + " is taken by " + at.String()
		}
		return d.why[l.Address]
	}
	return ""
}

func (e entrance) String() string {
	if e.port != 0 {
		return portText(e.port)
	}
	return "listener of " + string(e.listener.Environment) + " at " + e.listener.Address
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

// door is one listening socket. Its connections know by which they came.
type door struct {
	*net.TCPListener
	entrance
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return newClient(c, d.entrance), nil
}
