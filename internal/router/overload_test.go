package router_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// crowded is an instance whose queue of connections is full: to the kernel it
// is there, but it takes nobody. accept lets it go on, and answer everybody.
func (w *world) crowded() (i *instance, accept func()) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		w.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }) // from now on the shortest of queues
	if err != nil {
		w.Fatal(err)
	}
	for full := false; !full; {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if full = err != nil; !full {
			w.Cleanup(func() { _ = c.Close() })
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("ok")) })}
	w.Cleanup(func() { _ = server.Close(); _ = l.Close() })
	i = &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: l.Addr().(*net.TCPAddr).AddrPort(), server: server}
	return i, func() { go func() { _ = server.Serve(l) }() }
}

func TestAnInstanceThatIsBusyForSecondsIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	busy, accept := w.crowded()
	w.acknowledged(w.route(time.Second, busy))
	time.AfterFunc(2500*time.Millisecond, accept)
	if code, text := w.get(); code != http.StatusOK {
		t.Errorf("%d %q", code, text)
	}
}

func TestWhoWaitsForABusyInstanceDoesNotHoldUpItsDrain(t *testing.T) {
	w := newWorld(t)
	busy, _ := w.crowded()
	w.acknowledged(w.route(time.Second, busy))
	answers := make(chan string, 1)
	go func() {
		code, text := w.get()
		answers <- fmt.Sprint(code, " ", text)
	}()
	w.observed("one request", func(s slipway.RouteStatus) bool { return s.Requests == 1 })
	if took := w.drained(w.route(200*time.Millisecond, w.start(nil)), busy); took > 3*time.Second {
		t.Errorf("drained after %v", took)
	}
	if got := <-answers; !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "nothing was sent") {
		t.Error(got)
	}
}

// Who meets a bound is told so on a connection that stays, and may come again.
func TestARouterWithoutRoomSaysSo(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.most = 2
	w.routerUp()
	held := make(chan struct{})
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-held
		}
	})))
	slow := make(chan int, 2)
	for range 2 {
		go func() {
			res, err := http.Get(w.url() + "/slow")
			if err != nil {
				t.Error(err)
				slow <- 0
				return
			}
			_ = res.Body.Close()
			slow <- res.StatusCode
		}()
	}
	w.eventually("two are open", func() bool { return w.inFlight() == 2 })

	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	read := bufio.NewReader(c)
	ask := func() (code int, again string, last bool) {
		t.Helper()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(read, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode, res.Header.Get("Retry-After"), res.Close
	}
	if code, again, last := ask(); code != http.StatusServiceUnavailable || again == "" || last {
		t.Errorf("beyond the bound: %d, Retry-After %q, closed %v", code, again, last)
	}
	close(held)
	for range 2 {
		if code := <-slow; code != http.StatusOK {
			t.Errorf("within the bound: %d", code)
		}
	}
	w.eventually("there is room again", func() bool {
		code, _, _ := ask()
		return code == http.StatusOK
	})
}

// inFlight is what the route's instances have in hand, as last reported.
func (w *world) inFlight() (n int) {
	all, _ := w.control.Observe(context.Background(), target)
	for _, s := range all {
		for _, open := range s.InFlight {
			n += open
		}
	}
	return n
}

// A browser, or a pool of connections, connects ahead of its first request. Who
// has begun to send a header has to come to its end.
func TestAConnectionMayWaitForItsFirstRequest(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.header = time.Second
	w.routerUp()
	w.acknowledged(w.route(time.Second, w.start(nil)))
	ahead, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ahead.Close() }()
	slow, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = io.WriteString(slow, "GET / HTTP/1.1\r\nHos")
	_ = slow.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, slow); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("half a header is waited for without end")
	}
	_, _ = io.WriteString(ahead, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(ahead), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}
