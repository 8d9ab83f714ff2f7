package router_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router"
	"github.com/slipway-cd/slipway/internal/router/control"
	"github.com/slipway-cd/slipway/internal/router/routertest"
)

var target = slipway.TargetID{Service: "thoughts-backend", Environment: "prod"}

// world is a server, a router and one route's port, all real but for the store.
type world struct {
	*testing.T
	store   *routertest.Store
	hub     *routertest.Hub
	control *control.Control
	server  *httptest.Server
	port    int
	dir     string
	fence   uint64
	most    int64         // requests open at once; 0: as many as usual
	body    int64         // bytes of a request's, at most; 0: as many as usual
	header  time.Duration // for a head that has begun; 0: as long as usual
	stop    func()        // the router
}

func newWorld(t *testing.T) *world {
	t.Parallel()
	return newQuietWorld(t)
}

// newQuietWorld is a world without others beside it.
func newQuietWorld(t *testing.T) *world {
	w := &world{T: t, store: routertest.NewStore(), hub: &routertest.Hub{}, port: freePort(t), dir: t.TempDir(), stop: func() {}}
	w.serverUp("127.0.0.1:0")
	t.Cleanup(func() { w.stop(); w.server.CloseClientConnections(); w.server.Close() })
	w.routerUp()
	return w
}

// serverUp starts a server that knows what the store knows.
func (w *world) serverUp(addr string) {
	w.control = control.New(w.store, w.hub, routertest.Tokens{}, time.Now, nil)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		w.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(w.control.Handler())
	_ = w.server.Listener.Close()
	w.server.Listener = l
	w.server.Start()
}

func (w *world) routerUp() {
	r, err := router.New(router.Config{ID: "r1", Dir: w.dir, Server: w.server.URL, Token: "slr_r1", MostBody: w.body, Hold: time.Second})
	if err != nil {
		w.Fatal(err)
	}
	if w.most > 0 {
		router.SetMostOpen(r, w.most)
	}
	if w.header > 0 {
		router.SetHeaderTimeout(r, w.header)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("the router ended with %v", err)
		}
	})
}

func (w *world) url() string  { return "http://" + w.addr() }
func (w *world) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(w.port)) }

// route applies a route that splits traffic evenly by instance, one group.
func (w *world) route(drain time.Duration, to ...*instance) slipway.Fence {
	return w.shares(drain, slipway.Share{Group: "g1", Weight: slipway.All, Endpoints: endpoints(to...)})
}

func (w *world) shares(drain time.Duration, shares ...slipway.Share) slipway.Fence {
	w.Helper()
	w.fence++
	f := slipway.Fence{Epoch: 1, Generation: w.fence}
	err := w.control.Apply(w.Context(), slipway.Route{Target: target, Fence: f, Port: w.port, Drain: drain, Shares: shares})
	if err != nil {
		w.Fatal(err)
	}
	return f
}

// observed waits until every router says what ok wants, and returns how long that took.
func (w *world) observed(what string, ok func(slipway.RouteStatus) bool) time.Duration {
	w.Helper()
	start := time.Now()
	var last []slipway.RouteStatus
	for time.Since(start) < 10*time.Second {
		all, err := w.control.Observe(w.Context(), target)
		if err != nil {
			w.Fatal(err)
		}
		good := len(all) > 0
		for _, s := range all {
			good = good && ok(s)
		}
		if good {
			return time.Since(start)
		}
		last = all
		time.Sleep(200 * time.Microsecond)
	}
	w.Fatalf("never observed: %s; the last was %+v", what, last)
	return 0
}

func (w *world) acknowledged(f slipway.Fence) time.Duration {
	w.Helper()
	return w.observed("fence "+f.String(), func(s slipway.RouteStatus) bool { return !s.Fence.Less(f) && s.Why == "" })
}

// drained waits as a controller does before it stops i.
func (w *world) drained(f slipway.Fence, i *instance) time.Duration {
	w.Helper()
	return w.observed("drained "+string(i.id), func(s slipway.RouteStatus) bool {
		return !s.Fence.Less(f) && s.InFlight[i.id] == 0
	})
}

// eventually waits for something that takes a moment.
func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	for range 5000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.Fatal("never happened: " + what)
}

// serving waits until a router that was started answers.
func (w *world) serving() {
	w.Helper()
	w.eventually("it serves", func() bool {
		res, err := http.Get(w.url())
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil && res.StatusCode == http.StatusOK
	})
}

var born atomic.Int64

// instance is a real HTTP server.
type instance struct {
	id     slipway.InstanceID
	addr   netip.AddrPort
	server *http.Server
	hits   atomic.Int64
}

// start runs an instance that answers with its handler; nil answers "ok".
func (w *world) start(h http.HandlerFunc) *instance {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	if h == nil {
		h = func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("ok")) }
	}
	i := &instance{id: slipway.InstanceID("i-" + strconv.FormatInt(born.Add(1), 10)), addr: l.Addr().(*net.TCPAddr).AddrPort()}
	i.server = &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		i.hits.Add(1)
		h(rw, r)
	})}
	go func() { _ = i.server.Serve(l) }()
	w.Cleanup(i.kill)
	return i
}

// kill ends an instance as SIGKILL would: whatever is open breaks.
func (i *instance) kill() { _ = i.server.Close() }

func endpoints(all ...*instance) (es []slipway.Endpoint) {
	for _, i := range all {
		es = append(es, slipway.Endpoint{Instance: i.id, Boot: "b", Addr: i.addr})
	}
	return es
}

// freePort is free now, and below those that the kernel gives to connections. No test
// is given one that another was, for what is dead has to stay so; other packages have
// others.
func freePort(t *testing.T) int {
	for range 100 {
		port := 18000 + int(ports.Add(1)%2000)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// ports begin anywhere, for other trees may be tested at the same time.
var ports = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(2000))
	return n
}()
