package router_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// load asks at a fixed rate, whether answers come or not, over kept and over
// fresh connections, with and without bodies. Nothing is asked twice.
type load struct {
	url        string
	sent, lost atomic.Int64
	wg         sync.WaitGroup
	why        sync.Map
}

func (l *load) run(ctx context.Context, every time.Duration) {
	kept := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second}, Timeout: 10 * time.Second}
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		client := kept
		if n%4 == 0 {
			client = fresh
		}
		l.wg.Go(func() { l.ask(client, n) })
	}
	l.wg.Wait()
	kept.CloseIdleConnections()
}

func (l *load) ask(c *http.Client, n int) {
	l.sent.Add(1)
	body := bytes.Repeat([]byte{byte(n)}, n%7*1500)
	method := http.MethodGet
	var in io.Reader
	if n%3 == 0 {
		method, in = http.MethodPost, io.NopCloser(bytes.NewReader(body)) // no GetBody: the client cannot replay either
	}
	req, err := http.NewRequest(method, l.url, in)
	if err != nil {
		panic(err)
	}
	res, err := c.Do(req)
	if err != nil {
		l.lose(err.Error())
		return
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		l.lose(err.Error())
	case res.StatusCode != http.StatusOK:
		l.lose(res.Status + " " + string(got))
	case method == http.MethodPost && !bytes.Equal(got, body):
		l.lose("another body")
	}
}

func (l *load) lose(why string) {
	l.lost.Add(1)
	l.why.Store(why, true)
}

// echo takes its time, and answers with what it was sent.
func echo(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	time.Sleep(rand.N(4 * time.Millisecond))
	_, _ = rw.Write(body)
}

func TestNothingIsLostWhileInstancesAreReplaced(t *testing.T) {
	w := newQuietWorld(t)
	live := []*instance{w.start(echo), w.start(echo), w.start(echo)}
	w.acknowledged(w.route(10*time.Second, live...))

	ctx, stop := context.WithCancel(t.Context())
	l := &load{url: w.url()}
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx, time.Millisecond) }()

	swaps := 0
	for start := time.Now(); swaps < 300 && time.Since(start) < 8*time.Second; swaps++ { // fewer on a machine that is slow now
		old := live[0]
		live = append(live[1:], w.start(echo))
		w.drained(w.route(10*time.Second, live...), old)
		old.kill()
	}
	stop()
	<-done
	t.Logf("%d swaps, %d requests, %d lost", swaps, l.sent.Load(), l.lost.Load())
	if l.lost.Load() > 0 {
		l.why.Range(func(why, _ any) bool { t.Error(why); return true })
	}
	if s := w.control.Counts(target); s.Requests != uint64(l.sent.Load()) || s.Errors != 0 {
		w.observed("all requests", func(s slipway.RouteStatus) bool { return s.Requests == uint64(l.sent.Load()) && s.Errors == 0 })
	}
}

func TestARouteIsAcknowledgedWithinMilliseconds(t *testing.T) {
	w := newQuietWorld(t)
	a, b := w.start(nil), w.start(nil)
	w.acknowledged(w.route(time.Second, a))
	var took []time.Duration
	for n := range 50 {
		start := time.Now()
		w.acknowledged(w.route(time.Second, []*instance{a, b}[n%2]))
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("from Apply to what Observe says: median %v, worst %v", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > 200*time.Millisecond {
		t.Error("a router polls, or waits for its next report, before it acknowledges")
	}
}

func TestAStreamIsInFlightUntilItEnds(t *testing.T) {
	w := newWorld(t)
	more := make(chan string)
	slow := w.start(func(rw http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(rw).Flush()
		for s := range more {
			_, _ = io.WriteString(rw, s)
			_ = http.NewResponseController(rw).Flush()
		}
	})
	w.acknowledged(w.route(time.Minute, slow))
	res, err := http.Get(w.url())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	read := bufio.NewReader(res.Body)
	line := func(s string) {
		t.Helper()
		more <- s + "\n"
		if got, err := read.ReadString('\n'); err != nil || got != s+"\n" {
			t.Fatalf("%q, %v; want %q as soon as it was written", got, err, s)
		}
	}
	line("before")
	f := w.route(time.Minute, w.start(nil))
	w.acknowledged(f)
	w.observed("one in flight", func(s slipway.RouteStatus) bool { return s.InFlight[slow.id] == 1 })
	line("after the instance has left the table")
	woken := w.hub.Count("target/thoughts-backend/prod")
	close(more)
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Fatalf("%q, %v", rest, err)
	}
	w.drained(f, slow)
	w.eventually("the planner is woken", func() bool { return w.hub.Count("target/thoughts-backend/prod") > woken })
	slow.kill()
}

// upgrade opens a tunnel through the router to an instance that echoes lines.
func upgrade(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_, _ = io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	read := bufio.NewReader(c)
	res, err := http.ReadResponse(read, nil)
	if err == nil {
		defer func() { _ = res.Body.Close() }() // empty
	}
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Upgrade") != "echo" {
		t.Fatalf("%+v, %v", res, err)
	}
	return c, read
}

func echoTunnel(rw http.ResponseWriter, _ *http.Request) {
	c, b, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(c, b)
}

func TestATunnelIsInFlightAndCutWhenTheDrainIsOver(t *testing.T) {
	w := newWorld(t)
	old := w.start(echoTunnel)
	w.acknowledged(w.route(time.Second, old))
	c, read := upgrade(t, w.addr())
	say := func(s string) {
		t.Helper()
		_, _ = fmt.Fprintln(c, s)
		if got, err := read.ReadString('\n'); err != nil || got != s+"\n" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	say("before")
	f := w.route(300*time.Millisecond, w.start(nil))
	left := time.Now()
	w.acknowledged(f)
	say("while it drains")
	w.observed("one in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
	w.drained(f, old)
	if took := time.Since(left); took < 250*time.Millisecond || took > 2*time.Second {
		t.Errorf("cut after %v", took)
	}
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := read.ReadByte(); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the tunnel is open after the cut: %v", err)
	}
}

// A client that does not read blocks its answer on the way; the drain ends all
// the same.
func TestACutReachesAClientThatDoesNotRead(t *testing.T) {
	w := newWorld(t)
	old := w.start(func(rw http.ResponseWriter, _ *http.Request) {
		for range 4000 {
			if _, err := rw.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	w.acknowledged(w.route(time.Second, old))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	w.observed("in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
	f := w.route(50*time.Millisecond, w.start(nil))
	if took := w.drained(f, old); took > 3*time.Second {
		t.Errorf("drained after %v", took)
	}
}

func TestARequestThatIsCutIsToldSo(t *testing.T) {
	w := newWorld(t)
	old := w.start(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w.acknowledged(w.route(time.Second, old))
	type result struct {
		code int
		text string
	}
	got := make(chan result, 1)
	go func() {
		res, err := http.Post(w.url(), "text/plain", strings.NewReader("x"))
		if err != nil {
			got <- result{0, err.Error()}
			return
		}
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(res.Body)
		got <- result{res.StatusCode, string(text)}
	}()
	w.observed("in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
	w.drained(w.route(50*time.Millisecond, w.start(nil)), old)
	if r := <-got; r.code != http.StatusGatewayTimeout || !strings.Contains(r.text, "left before it had answered") {
		t.Errorf("%+v", r)
	}
	if old.hits.Load() != 1 {
		t.Errorf("sent %d times", old.hits.Load())
	}
}

func TestKeptConnectionsSurviveRouteChanges(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(nil)))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	read := bufio.NewReader(c)
	for range 5 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(read, nil)
		if err != nil || res.StatusCode != http.StatusOK || res.Close {
			t.Fatalf("%+v, %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		w.acknowledged(w.route(time.Second, w.start(nil)))
	}
}
