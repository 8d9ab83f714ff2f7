package router_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router"
)

// processEnv says that this program is to be a router, and which one.
const processEnv = "SLIPWAY_ROUTER_PROCESS"

func TestMain(m *testing.M) {
	if text := os.Getenv(processEnv); text != "" {
		os.Exit(beRouter(text))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait more than they work
		panic(err)
	}
	os.Exit(m.Run())
}

// order is what a router process is told.
type order struct {
	Dir, Server string
	Upgrade     bool
}

func beRouter(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := router.Config{ID: "r1", Dir: o.Dir, Server: o.Server, Token: "slr_r1", Upgrade: o.Upgrade, Hold: time.Second, Logger: log}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r, err := router.New(c)
	if err == nil {
		err = r.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a router that is a process of its own.
type process struct {
	*exec.Cmd
	ended chan struct{}
}

func (w *world) process(upgrade bool) *process {
	w.Helper()
	text, err := json.Marshal(order{w.dir, w.server.URL, upgrade})
	if err != nil {
		w.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	p := &process{Cmd: exec.Command(exe), ended: make(chan struct{})}
	p.Env = append(os.Environ(), processEnv+"="+string(text))
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		w.Fatal(err)
	}
	go func() { _ = p.Wait(); close(p.ended) }()
	w.Cleanup(func() { _ = p.Process.Kill(); <-p.ended })
	return p
}

// serves waits until the server knows that p is the router.
func (w *world) serves(p *process) {
	w.Helper()
	w.eventually("the new process is the router", func() bool {
		all, err := w.store.Routers(w.Context())
		return err == nil && len(all) == 1 && all[0].PID == p.Process.Pid
	})
}

// newProcessWorld is a world whose router is a process.
func newProcessWorld(t *testing.T) (*world, *process) {
	w := newQuietWorld(t)
	w.stop()
	if err := w.store.ForgetRouter(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	w.serverRestart()
	p := w.process(false)
	w.serves(p)
	return w, p
}

func (w *world) serverRestart() { w.serverUp(w.serverDown()) }

func TestUpgradesUnderLoad(t *testing.T) {
	w, running := newProcessWorld(t)
	live := []*instance{w.start(echo), w.start(echo), w.start(echo)}
	w.acknowledged(w.route(5*time.Second, live...))
	ctx, stop := context.WithCancel(t.Context())
	l := &load{url: w.url()}
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx, time.Millisecond) }()

	const upgrades = 20
	start := time.Now()
	for range upgrades {
		next := w.process(true)
		w.serves(next)
		old := live[0] // and a deployment goes on
		live = append(live[1:], w.start(echo))
		w.drained(w.route(5*time.Second, live...), old)
		old.kill()
		running = next
		time.Sleep(50 * time.Millisecond) // for some requests
	}
	took := time.Since(start)
	stop()
	<-done
	t.Logf("%d upgrades in %v, %d requests, %d lost", upgrades, took, l.sent.Load(), l.lost.Load())
	if l.lost.Load() > 0 {
		l.why.Range(func(why, _ any) bool { t.Error(why); return true })
	}
	w.eventually("the others have ended", func() bool {
		all, err := w.store.Routers(t.Context())
		return err == nil && len(all) == 1 && len(all[0].Before) == 0 && all[0].PID == running.Process.Pid
	})
	if sent, counted := l.sent.Load(), w.control.Counts(target).Requests; uint64(sent) != counted {
		t.Logf("%d of %d requests are in the counts", counted, sent)
	}
}

// keeper is a client that keeps its connection, rests between its requests, and
// leaves only when it is told to. What ends untold is lost.
type keeper struct {
	addr string
	rest time.Duration
	body string // of a request, with its framing
}

func (k keeper) run(ctx context.Context) (asked int, err error) {
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", k.addr)
		if err != nil {
			return asked, err
		}
		n, err := k.keep(ctx, c)
		_ = c.Close()
		if asked += n; err != nil {
			return asked, fmt.Errorf("request %d of a connection, %v after the one before: %w", n, k.rest, err)
		}
	}
	return asked, nil
}

func (k keeper) keep(ctx context.Context, c net.Conn) (asked int, err error) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	read := bufio.NewReader(c)
	for ctx.Err() == nil {
		asked++
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\n"+k.body); err != nil {
			return asked, err
		}
		res, err := http.ReadResponse(read, nil)
		if err != nil {
			return asked, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		switch {
		case err != nil:
			return asked, err
		case res.StatusCode != http.StatusOK:
			return asked, errors.New(res.Status)
		case res.Close:
			return asked, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(k.rest):
		}
	}
	return asked, nil
}

// Whoever keeps a connection through upgrades, for however long, is told with an
// answer that it ends.
func TestNoConnectionEndsUntold(t *testing.T) {
	t.Parallel()
	w, old := newProcessWorld(t)
	w.acknowledged(w.route(time.Second, w.start(echo), w.start(echo)))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	var asked atomic.Int64
	for n := range 120 {
		k := keeper{w.addr(), 3 * time.Second * time.Duration(n%40) / 40, "Content-Length: 5\r\n\r\nhello"}
		if n%3 == 0 {
			k.body = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" // net/http's server serves it
		}
		all.Go(func() {
			n, err := k.run(ctx)
			if asked.Add(int64(n)); err != nil {
				t.Error(err)
			}
		})
	}
	olds := []*process{old}
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		olds = append(olds, w.process(true))
		w.serves(olds[len(olds)-1])
	}
	time.Sleep(3 * time.Second)
	stop()
	all.Wait()
	t.Logf("%d requests", asked.Load())
	for _, p := range olds[:3] {
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			t.Fatal("a process stays whose clients have all left")
		}
	}
}

// An answer that has begun says nothing of an end, so its connection has none.
func TestAnAnswerUnderWayKeepsItsConnection(t *testing.T) {
	w, _ := newProcessWorld(t)
	more := make(chan struct{})
	w.acknowledged(w.route(time.Minute, w.start(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(rw, "be")
		_ = http.NewResponseController(rw).Flush()
		if r.URL.Path == "/slow" {
			<-more
		}
		_, _ = io.WriteString(rw, "ep")
	})))
	a, b := keep(t, w.addr()), keep(t, w.addr())
	slow, last := a.ask("/slow")
	w.serves(w.process(true))
	w.eventually("the process before leaves", func() bool {
		body, last := b.ask("/")
		_, _ = io.Copy(io.Discard, body)
		return last
	})
	close(more)
	if text, err := io.ReadAll(slow); err != nil || string(text) != "beep" || last {
		t.Errorf("%q, %v, the last: %v", text, err, last)
	}
	time.Sleep(100 * time.Millisecond) // in which it could close the connection
	next, last := a.ask("/")
	if text, err := io.ReadAll(next); err != nil || string(text) != "beep" || !last {
		t.Errorf("%q, %v, the last: %v", text, err, last)
	}
}

// Nor does one end untold that is answered by the router itself.
func TestARefusalIsTheLastOfAProcessThatLeaves(t *testing.T) {
	w, _ := newProcessWorld(t)
	w.acknowledged(w.route(time.Second)) // to nobody
	c := keep(t, w.addr())
	refused := func() (last bool) {
		body, last := c.ask("/")
		_, _ = io.Copy(io.Discard, body)
		return last
	}
	if refused() {
		t.Fatal("it was the last before anybody left")
	}
	w.serves(w.process(true))
	w.eventually("the process leaves", refused)
}

// kept is a connection on which one request follows another.
type kept struct {
	net.Conn
	t    *testing.T
	read *bufio.Reader
}

func keep(t *testing.T, addr string) *kept {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &kept{c, t, bufio.NewReader(c)}
}

// ask reads the head of an answer, and whether it is the last one.
func (k *kept) ask(path string) (body io.Reader, last bool) {
	k.t.Helper()
	_, _ = io.WriteString(k, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(k.read, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = res.Body.Close() })
	return res.Body, res.Close
}

// A router that is stopped leaves nothing behind, whoever keeps a connection.
func TestAStopIsOneOfThoseBeforeToo(t *testing.T) {
	w, old := newProcessWorld(t)
	w.acknowledged(w.route(time.Second, w.start(nil)))
	keep(t, w.addr()).ask("/")
	next := w.process(true)
	w.serves(next)
	select {
	case <-old.ended:
		t.Fatal("it ended before its client did")
	case <-time.After(200 * time.Millisecond):
	}
	if err := next.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-next.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not stop")
	}
	select {
	case <-old.ended:
	case <-time.After(2 * time.Second): // to learn of it
		t.Error("the one before serves on")
	}
}

// What the old process still carries counts, and ends by itself.
func TestAStreamOutlivesAnUpgrade(t *testing.T) {
	w, old := newProcessWorld(t)
	i := w.start(echoTunnel)
	w.acknowledged(w.route(20*time.Second, i))
	c, read := upgrade(t, w.addr())
	next := w.process(true)
	w.serves(next)
	say := func(s string) {
		t.Helper()
		_, _ = fmt.Fprintln(c, s)
		if got, err := read.ReadString('\n'); err != nil || got != s+"\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	say("through the process before")
	w.observed("it is in flight", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 1 })
	other := w.start(nil)
	f := w.route(20*time.Second, other)
	w.acknowledged(f)
	w.observed("it is in flight at one that left", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 1 })
	w.serverRestart()
	w.observed("a server that was restarted knows of both", func(s slipway.RouteStatus) bool { return s.Fence == f && s.InFlight[i.id] == 1 })
	say("still")
	_ = c.Close()
	w.drained(f, i)
	select {
	case <-old.ended:
		if code := old.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the old process ended with %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Error("the old process stays without need")
	}
}

// Who has a connection to the process that leaves may still begin a conversation
// there: its answer is not the last of the connection, for requests are over on it.
func TestATunnelBeginsWhileAProcessLeaves(t *testing.T) {
	w, _ := newProcessWorld(t)
	w.acknowledged(w.route(20*time.Second, w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chat" {
			echoTunnel(rw, r)
		}
	})))
	var conns [2]net.Conn // to the process that is there
	for n := range conns {
		var err error
		if conns[n], err = net.Dial("tcp", w.addr()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conns[n].Close() })
	}
	w.process(true)
	c, other := conns[0], bufio.NewReader(conns[1])
	_, _ = io.WriteString(c, "GET /chat HTTP/1.1\r\n")
	w.eventually("the process leaves", func() bool {
		_, _ = io.WriteString(conns[1], "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(other, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Close
	})
	_, _ = io.WriteString(c, "Host: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	read := bufio.NewReader(c)
	res, err := http.ReadResponse(read, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // empty
	if got := res.Header["Connection"]; res.StatusCode != http.StatusSwitchingProtocols || len(got) != 1 || got[0] != "Upgrade" {
		t.Errorf("%s, Connection: %q", res.Status, got)
	}
	_, _ = io.WriteString(c, "hear me\n")
	if got, err := read.ReadString('\n'); err != nil || got != "hear me\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// A process that dies while it takes over changes nothing.
func TestAnUpgradeThatFailsChangesNothing(t *testing.T) {
	w, old := newProcessWorld(t)
	i := w.start(nil)
	w.acknowledged(w.route(time.Second, i))
	var c net.Conn
	w.eventually("it can be asked to leave", func() (ok bool) { // a moment after it serves
		var err error
		c, err = net.Dial("unix", w.dir+"/upgrade.sock")
		return err == nil
	})
	_, _ = io.WriteString(c, "\x00\x00\x00\x02{}") // it says who it is
	read := bufio.NewReader(c)
	if _, err := read.ReadByte(); err != nil {
		t.Fatal(err)
	}
	late := w.route(time.Second, w.start(nil))
	time.Sleep(100 * time.Millisecond)
	if all, err := w.control.Observe(t.Context(), target); err != nil || all[0].Fence == late {
		t.Errorf("a table was taken while somebody else starts with the one before: %+v, %v", all, err)
	}
	_ = c.Close() // and dies
	w.acknowledged(late)
	if code, _ := w.get(); code != http.StatusOK {
		t.Error(code)
	}
	next := w.process(true)
	w.serves(next)
	http.DefaultClient.CloseIdleConnections() // for which it would wait
	<-old.ended
	if code, _ := w.get(); code != http.StatusOK {
		t.Errorf("%d after another attempt", code)
	}
}

// Of two that were started after a crash only one is the router.
func TestAnUpgradeOfNothingIsAStart(t *testing.T) {
	w, old := newProcessWorld(t)
	w.acknowledged(w.route(time.Second, w.start(nil)))
	_ = old.Process.Kill()
	<-old.ended
	next := w.process(true)
	w.serves(next)
	w.serving()
}
