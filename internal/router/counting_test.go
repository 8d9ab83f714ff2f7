package router_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/slipway-cd/slipway"
)

// compared applies a route that somebody compares versions by: what is counted is
// told at once.
func (w *world) compared(r slipway.Route) slipway.Fence {
	w.Helper()
	w.fence++
	r.Target, r.Fence, r.Port = target, slipway.Fence{Epoch: 1, Generation: w.fence}, w.port
	if r.Preview == nil {
		r.Preview = &slipway.PreviewDoor{Group: "nobody", Port: freePort(w.T)}
	}
	if r.Drain == 0 {
		r.Drain = time.Second
	}
	if err := w.control.Apply(w.Context(), r); err != nil {
		w.Fatal(err)
	}
	w.acknowledged(r.Fence)
	return r.Fence
}

func share(g slipway.GroupID, weight slipway.BasisPoints, to ...*instance) slipway.Share {
	return slipway.Share{Group: g, Weight: weight, Endpoints: endpoints(to...)}
}

// one applies a route to one group of instances.
func (w *world) one(to ...*instance) slipway.Fence {
	w.Helper()
	return w.compared(slipway.Route{Shares: []slipway.Share{share("g1", slipway.All, to...)}})
}

// tally is what is counted at i by one route, over all routers, in both arms.
func (w *world) tally(f slipway.Fence, i *instance) slipway.Tally {
	sum := slipway.Tally{Failures: map[slipway.Failure]uint64{}, Took: slipway.Histogram{}, Open: slipway.Histogram{}}
	for _, c := range w.control.Counted(w.Context(), target) {
		if c.Fence != f || c.Instance != i.id {
			continue
		}
		sum.Requests += c.Requests
		sum.Refusals += c.Refusals
		sum.Late += c.Late
		sum.Cells.All += c.Cells.All
		sum.Cells.Failed += c.Cells.Failed
		sum.Cells.Refused += c.Cells.Refused
		for class, n := range c.Failures {
			sum.Failures[class] += n
		}
		for b, n := range c.Took {
			sum.Took[b] += n
		}
		for b, n := range c.Open {
			sum.Open[b] += n
		}
	}
	return sum
}

// counts waits until so many requests have ended at i.
func (w *world) counts(f slipway.Fence, i *instance, requests uint64) slipway.Tally {
	w.Helper()
	w.eventually(fmt.Sprintf("%d requests are counted at %s; the last %+v", requests, i.id, w.tally(f, i)), func() bool {
		return w.tally(f, i).Requests >= requests
	})
	time.Sleep(300 * time.Millisecond) // what is counted too often is told as well
	t := w.tally(f, i)
	if t.Requests != requests || t.Took.Total() != requests || t.Open.Total() != 0 {
		w.Errorf("%d requests were counted, by %d durations, with %d open; not %d", t.Requests, t.Took.Total(), t.Open.Total(), requests)
	}
	return t
}

// ways are those that a request can take through a router.
var ways = map[string]string{
	"plain":  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"stream": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
}

// send sends a request and leaves, after it was answered or when it had enough.
func (w *world) send(request string, patience time.Duration) {
	w.Helper()
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, request); err != nil {
		w.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

// hang takes all and says nothing, until the other end has enough.
func hang(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

func TestWhatBecomesOfRequestsIsCounted(t *testing.T) {
	says := func(text string) func(net.Conn) {
		return answering(func(string) (string, bool) { return text, true })
	}
	half := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
	for _, c := range []struct {
		name     string
		serve    func(net.Conn) // nil: nobody listens
		patience time.Duration
		failures map[slipway.Failure]uint64
		refusals uint64
		least    time.Duration
	}{
		{name: "answered", serve: says("HTTP/1.1 204 No Content\r\n\r\n")},
		{name: "4xx", serve: says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"), refusals: 1},
		{name: "5xx", serve: says("HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\nno"), failures: map[slipway.Failure]uint64{slipway.FailedAnswer: 1}},
		{name: "nobody listens", failures: map[slipway.Failure]uint64{slipway.FailedConnect: 1}},
		{name: "broken off", serve: says(""), failures: map[slipway.Failure]uint64{slipway.FailedReset: 1}},
		{name: "broken off in the midst", serve: says(half), failures: map[slipway.Failure]uint64{slipway.FailedReset: 1}},
		{name: "left soon", serve: hang, patience: 500 * time.Millisecond, least: 490 * time.Millisecond},
		{name: "left late", serve: hang, patience: 1500 * time.Millisecond, failures: map[slipway.Failure]uint64{slipway.FailedAbort: 1}, least: 1490 * time.Millisecond},
		{name: "left late, with half of it", serve: func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, half)
			hang(c)
		}, patience: 1500 * time.Millisecond, failures: map[slipway.Failure]uint64{slipway.FailedAbort: 1}, least: 1490 * time.Millisecond},
		{name: "left while more came", serve: func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, half)
			for range 90 {
				time.Sleep(100 * time.Millisecond)
				if _, err := io.WriteString(c, "x"); err != nil {
					return
				}
			}
		}, patience: 1500 * time.Millisecond, least: 1490 * time.Millisecond},
	} {
		for way, request := range ways {
			t.Run(c.name+", "+way, func(t *testing.T) {
				w := newWorld(t)
				i := w.dead()
				if c.serve != nil {
					i = w.raw(c.serve)
				}
				f := w.one(i)
				w.send(request, cmp.Or(c.patience, 5*time.Second))
				got := w.counts(f, i, 1)
				if !maps.Equal(got.Failures, c.failures) || got.Refusals != c.refusals {
					t.Errorf("counted as %v, %d refusals", got.Failures, got.Refusals)
				}
				if n := got.Took.Over(slipway.BucketOf(c.least) - 1); c.least > 0 && n != 1 {
					t.Errorf("took less than %v: %v", c.least, got.Took)
				}
			})
		}
	}
}

func TestWhatLeavesUnansweredHasTimedOut(t *testing.T) {
	w := newWorld(t)
	i, next := w.raw(hang), w.start(nil)
	f := w.one(i)
	var asking sync.WaitGroup
	for _, request := range ways {
		asking.Go(func() { w.send(request, 8*time.Second) })
	}
	w.observed("both are in flight", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 2 })
	w.one(next)
	asking.Wait()
	if got := w.counts(f, i, 2); got.Failures[slipway.FailedTimeout] != 2 {
		t.Errorf("%+v", got.Failures)
	}
}

// A retry saves the user, and not the instance.
func TestAFirstAttemptCounts(t *testing.T) {
	for way, request := range ways {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t)
			dead, good := w.dead(), w.start(nil)
			f := w.compared(slipway.Route{Shares: []slipway.Share{share("stable", 5000, good), share("candidate", 5000, dead)}})
			for range 40 {
				w.send(request, 5*time.Second)
			}
			w.eventually("all are counted", func() bool {
				return w.tally(f, dead).Requests+w.tally(f, good).Requests == 40
			})
			lost := w.tally(f, dead)
			if lost.Requests < 5 || lost.Failures[slipway.FailedConnect] != lost.Requests || len(lost.Failures) != 1 {
				t.Errorf("%+v at the dead instance", lost)
			}
			if got := w.tally(f, good); got.Failed() > 0 || uint64(good.hits.Load()) <= got.Requests {
				t.Errorf("%+v where %d requests came, second attempts included", got, good.hits.Load())
			}
		})
	}
}

func TestWhatIsNotDrawnIsNotCounted(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	door := freePort(t)
	f := w.compared(slipway.Route{
		Preview: &slipway.PreviewDoor{Group: "candidate", Port: door},
		Shares:  []slipway.Share{share("stable", slipway.All, stable), share("candidate", 0, candidate)},
	})
	for range 5 {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d", door))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for _, request := range ways {
		w.send(strings.Replace(request, "\r\nHost", "\r\nSlipway-Retry: 1\r\nHost", 1), time.Second)
	}
	w.ask(3)
	w.counts(f, stable, 3)
	if n := w.tally(f, candidate).Requests; n != 0 || candidate.hits.Load() != 5 || stable.hits.Load() != 5 {
		t.Errorf("%d of a preview are counted; %d and %d came", n, candidate.hits.Load(), stable.hits.Load())
	}
	f = w.compared(slipway.Route{Shares: []slipway.Share{share("stable", 5000, stable), share("candidate", 5000)}})
	w.ask(20)
	time.Sleep(600 * time.Millisecond)
	if n := w.tally(f, stable).Requests; n != 0 {
		t.Errorf("%d are counted that the weights would have given to others", n)
	}
}

// A version that speaks another protocol gets its weight all the same, whoever asks,
// and so does the door to it alone.
func TestWeightsHoldOverProtocols(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stable, candidate := w.start(nil), w.http2Instance(l, func(http.ResponseWriter, *http.Request) {})
	other := share("candidate", 5000, candidate)
	other.Protocol = slipway.H2C
	door := freePort(t)
	f := w.compared(slipway.Route{
		Preview: &slipway.PreviewDoor{Group: "candidate", Port: door},
		Shares:  []slipway.Share{share("stable", 5000, stable), other},
	})
	for range 200 {
		w.send(ways["plain"], 5*time.Second) // on a connection of its own
	}
	w.eventually("all are counted", func() bool { return w.tally(f, stable).Requests+w.tally(f, candidate).Requests == 200 })
	if n := w.tally(f, candidate).Requests; n < 65 || n > 135 { // five standard deviations
		t.Errorf("%d of 200", n)
	}
	if got := w.tally(f, candidate); got.Failed() != 0 {
		t.Errorf("%+v", got.Failures)
	}
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d", door))
	if err != nil {
		t.Fatal(err)
	}
	if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
		t.Errorf("the preview says %s", res.Status)
	}
}

func TestALapsedLeaseDrawsNothing(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	f := w.lent(time.Second, stable, candidate, 5000)
	w.acknowledged(f)
	w.ask(40)
	w.eventually("all are counted", func() bool { return w.tally(f, stable).Requests+w.tally(f, candidate).Requests == 40 })
	before := stable.hits.Load()
	addr := w.serverDown()
	time.Sleep(1200 * time.Millisecond)
	w.ask(40)
	if stable.hits.Load() != before+40 {
		t.Fatal("the lease has not lapsed")
	}
	w.serverUp(addr)
	w.eventually("the new server knows what was counted", func() bool { return w.tally(f, stable).Requests > 0 })
	time.Sleep(600 * time.Millisecond)
	if n := w.tally(f, stable).Requests; n != uint64(before) {
		t.Errorf("%d are counted, of which the weights drew %d", n, before)
	}
}

// Browsers that came before are no random part of all; those that the weights in
// effect drew are, and so is what they ask for later.
func TestStickyBrowsersCountWhereTheyWereDrawn(t *testing.T) {
	w := newWorld(t)
	stable, candidate := w.start(nil), w.start(nil)
	apply := func(weight slipway.BasisPoints) slipway.Fence {
		t.Helper()
		return w.compared(slipway.Route{Sticky: true, Shares: []slipway.Share{share("stable", slipway.All-weight, stable), share("candidate", weight, candidate)}})
	}
	browser := func() *http.Client {
		jar, _ := cookiejar.New(nil)
		return &http.Client{Jar: jar}
	}
	visit := func(c *http.Client, times int) {
		t.Helper()
		for range times {
			res, err := c.Get(w.url())
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
		}
	}
	old, first := browser(), apply(1000)
	visit(old, 10)
	w.eventually("a browser's requests are counted", func() bool {
		return w.tally(first, stable).Requests+w.tally(first, candidate).Requests == 10
	})
	second := apply(5000)
	visit(old, 10)
	visit(browser(), 7)
	w.eventually("those of a new one are", func() bool {
		return w.tally(second, stable).Requests+w.tally(second, candidate).Requests >= 7
	})
	time.Sleep(600 * time.Millisecond)
	if n := w.tally(second, stable).Requests + w.tally(second, candidate).Requests; n != 7 {
		t.Errorf("%d are counted", n)
	}
}

func TestCells(t *testing.T) {
	w := newWorld(t)
	n := 0
	i := w.start(func(rw http.ResponseWriter, _ *http.Request) {
		switch n++; {
		case n%100 == 0:
			rw.WriteHeader(http.StatusInternalServerError)
		case n%50 == 0:
			rw.WriteHeader(http.StatusNotFound)
		}
	})
	f := w.one(i)
	for range 1600 {
		w.get()
	}
	got := w.counts(f, i, 1600)
	placebo := uint64(0)
	for _, c := range w.control.Counted(t.Context(), target) {
		if c.Cells.All != c.Requests/slipway.CellSize {
			t.Errorf("%d requests are %d cells", c.Requests, c.Cells.All)
		}
		if c.Placebo {
			placebo = c.Requests
		}
		if c.Group != "g1" || c.Weight != slipway.All || c.Router != "r1" || c.Boot == "" {
			t.Errorf("%+v", c)
		}
	}
	if placebo < 130 || placebo > 270 { // five standard deviations
		t.Errorf("%d of 1600 are the placebo's", placebo)
	}
	if got.Failed() != 16 || got.Refusals != 16 || got.Cells.Failed < 14 || got.Cells.Failed > 16 || got.Cells.Refused < 14 || got.Cells.Refused > 16 {
		t.Errorf("%d failed, %d refused, %+v", got.Failed(), got.Refusals, got.Cells)
	}
}

// Whoever looks sees what hangs while it does, and at no time less of it.
func TestWhatHangsIsSeen(t *testing.T) {
	w := newWorld(t)
	end := make(chan struct{})
	i := w.start(func(http.ResponseWriter, *http.Request) { <-end })
	f := w.one(i)
	var asking sync.WaitGroup
	for range 10 {
		for _, request := range ways {
			asking.Go(func() { w.send(request, 20*time.Second) })
		}
	}
	cut := slipway.BucketOf(300 * time.Millisecond)
	longer := func() uint64 {
		t := w.tally(f, i)
		return t.Took.Over(cut) + t.Open.Over(cut)
	}
	w.eventually("all are seen to take long", func() bool { return longer() == 20 })
	if n := w.tally(f, i).Requests; n != 0 {
		t.Errorf("%d have ended", n)
	}
	close(end)
	w.eventually("all have ended", func() bool {
		if n := longer(); n != 20 {
			t.Fatalf("%d took long", n)
		}
		return w.tally(f, i).Requests == 20
	})
	asking.Wait()
	if got := w.tally(f, i); got.Open.Total() != 0 || got.Failed() != 0 {
		t.Errorf("%+v", got)
	}
}

// What may go on for as long as both like counts when it begins, and is never seen
// to hang.
func TestEndlessAnswersCountWhenTheyBegin(t *testing.T) {
	w := newWorld(t)
	events := w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			if c, err := websocket.Accept(rw, r, nil); err == nil {
				_, _, _ = c.Read(r.Context())
			}
			return
		}
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: 1\n\n")
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	})
	f := w.one(events)
	for _, request := range ways {
		c, err := net.Dial("tcp", w.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, request)
	}
	c, _, err := websocket.Dial(t.Context(), "ws://"+w.addr()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.counts(f, events, 3)
	time.Sleep(time.Second)
	_ = c.CloseNow()
	if got := w.counts(f, events, 3); got.Failed() != 0 || got.Took.Over(slipway.BucketOf(time.Second)) != 0 {
		t.Errorf("%+v", got)
	}
}

// A call of gRPC that fails is answered 200.
func TestFailuresOfGRPCAreCounted(t *testing.T) {
	w := newWorld(t)
	i, _ := w.grpcInstance()
	s := share("g1", slipway.All, i)
	s.Protocol = slipway.H2C
	f := w.compared(slipway.Route{Shares: []slipway.Share{s}})
	client := w.grpcClient()
	for _, service := range []string{"", "nobody", "nobody"} {
		_, _ = client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
	}
	watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(w.addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.Invoke(t.Context(), "/nothing/Known", &grpc_health_v1.HealthCheckRequest{}, &grpc_health_v1.HealthCheckResponse{})
	if got := w.counts(f, i, 5); got.Refusals != 2 || got.Failures[slipway.FailedAnswer] != 1 {
		t.Errorf("%+v", got)
	}
}

// A request belongs to the route by which it was given out, whatever came later.
func TestCohorts(t *testing.T) {
	w := newWorld(t)
	end := make(chan struct{})
	i := w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-end
			rw.WriteHeader(http.StatusBadGateway)
		}
	})
	other := w.start(nil)
	first := w.one(i)
	var asking sync.WaitGroup
	for _, request := range ways {
		asking.Go(func() { w.send(strings.Replace(request, " / ", " /long ", 1), 20*time.Second) })
	}
	w.observed("they are in flight", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 2 })
	second := w.one(i, other)
	third := w.compared(slipway.Route{Drain: 20 * time.Second, Shares: []slipway.Share{share("g1", slipway.All, other)}})
	w.ask(3)
	close(end)
	asking.Wait()
	if got := w.counts(first, i, 2); got.Failures[slipway.FailedAnswer] != 2 {
		t.Errorf("%+v", got)
	}
	w.counts(third, other, 3)
	if n := w.tally(second, i).Requests + w.tally(second, other).Requests + w.tally(third, i).Requests; n != 0 {
		t.Errorf("%d are counted by routes that they did not follow", n)
	}
}

// Nothing is lost or doubled by an upgrade, under load and with a request that
// goes on in the old process, nor by a restart.
func TestCountsOverUpgradesAndRestarts(t *testing.T) {
	w, running := newProcessWorld(t)
	end := make(chan struct{})
	i := w.start(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			<-end
		}
	})
	f := w.one(i)
	var asking sync.WaitGroup
	asking.Go(func() { w.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n", 20*time.Second) })
	w.observed("it is in flight", func(s slipway.RouteStatus) bool { return s.InFlight[i.id] == 1 })
	w.ask(20)
	next := w.process(true)
	w.serves(next)
	asked := uint64(20)
	w.eventually("both have counted", func() bool {
		w.ask(1)
		asked++
		return len(w.boots()) == 2
	})
	http.DefaultClient.CloseIdleConnections()
	w.eventually("both have told", func() bool { return w.tally(f, i).Requests == asked })
	close(end)
	asking.Wait()
	<-running.ended
	got := w.counts(f, i, asked+1)
	if got.Took.Over(slipway.BucketOf(100*time.Millisecond)) != 1 {
		t.Errorf("%+v", got)
	}
	_ = next.Process.Signal(syscall.SIGTERM)
	<-next.ended
	again := w.process(false)
	w.serves(again)
	w.serving()
	w.ask(9)
	w.counts(f, i, asked+11)
	if all := w.boots(); len(all) != 3 {
		t.Errorf("counted by %v", all)
	}
}

// boots are the processes that have counted.
func (w *world) boots() map[string]bool {
	all := map[string]bool{}
	for _, c := range w.control.Counted(w.Context(), target) {
		all[c.Boot] = true
	}
	return all
}

// A server that was started anew hears all of it, and of what nobody compares it
// hears as well, a little later.
func TestWhoHearsOfCounts(t *testing.T) {
	w := newWorld(t)
	i := w.start(nil)
	f := w.one(i)
	w.ask(5)
	w.counts(f, i, 5)
	w.serverUp(w.serverDown())
	w.eventually("the new server knows", func() bool { return w.tally(f, i).Requests == 5 })
	quiet := w.route(time.Second, i)
	w.acknowledged(quiet)
	w.ask(7)
	time.Sleep(700 * time.Millisecond)
	if n := w.tally(quiet, i).Requests; n != 0 {
		t.Errorf("%d are told at once, of traffic that nobody compares", n)
	}
	for range 3 {
		if w.tally(quiet, i).Requests == 7 {
			break
		}
		time.Sleep(4 * time.Second)
	}
	w.counts(quiet, i, 7)
}
