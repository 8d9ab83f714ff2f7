package router_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/slipway-cd/slipway"
)

// streams applies a route to instances that speak HTTP/2 without TLS.
func (w *world) streams(drain time.Duration, to ...*instance) slipway.Fence {
	return w.shares(drain, slipway.Share{Group: "g1", Weight: slipway.All, Protocol: slipway.H2C, Endpoints: endpoints(to...)})
}

// speaking routes to one instance, that speaks h2c or HTTP/1.1.
func (w *world) speaking(protocol string, h http.HandlerFunc) {
	w.Helper()
	if protocol != "h2c" {
		w.acknowledged(w.route(time.Second, w.start(h)))
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.acknowledged(w.streams(time.Second, w.http2Instance(l, h)))
}

func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// http2Client is a client by prior knowledge.
func http2Client(t *testing.T) *http.Client {
	c := &http.Client{Transport: &http.Transport{Protocols: onlyHTTP2()}, Timeout: 20 * time.Second}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestEitherEndMaySpeakHTTP2(t *testing.T) {
	for _, instances := range []string{"http1", "h2c"} {
		for _, clients := range []string{"http1", "h2c"} {
			t.Run(clients+" to "+instances, func(t *testing.T) {
				w := newWorld(t)
				serve := func(rw http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					rw.Header().Set("Trailer", "X-Sum")
					rw.Header().Set("X-Proto", r.Proto)
					_, _ = fmt.Fprintf(rw, "%s %s %s %s", r.Method, r.Host, r.Header.Get("X-Forwarded-For"), body)
					rw.Header().Set("X-Sum", r.Trailer.Get("X-Sum"))
				}
				want := "HTTP/1.1"
				if instances == "h2c" {
					want = "HTTP/2.0"
				}
				w.speaking(instances, serve)
				client := http.DefaultClient
				if clients == "h2c" {
					client = http2Client(t)
				}
				for range 3 {
					in := struct{ io.Reader }{strings.NewReader("hello")}
					req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url(), in)
					req.Trailer = http.Header{"X-Sum": {"5"}}
					res, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					text, err := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if err != nil || string(text) != "POST "+w.addr()+" 127.0.0.1 hello" || res.Header.Get("X-Proto") != want || res.Trailer.Get("X-Sum") != "5" {
						t.Fatalf("%q %v %v %v", text, res.Header, res.Trailer, err)
					}
				}
			})
		}
	}
}

func (w *world) http2Instance(l net.Listener, h http.HandlerFunc) *instance {
	w.Helper()
	i := &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: l.Addr().(*net.TCPAddr).AddrPort()}
	i.server = &http.Server{Protocols: onlyHTTP2(), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		i.hits.Add(1)
		h(rw, r)
	})}
	go func() { _ = i.server.Serve(l) }()
	w.Cleanup(i.kill)
	return i
}

// grpcInstance is a gRPC server that speaks of its health.
func (w *world) grpcInstance() (*instance, *health.Server) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	s, h := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(s, h)
	go func() { _ = s.Serve(l) }()
	w.Cleanup(s.Stop)
	return &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: l.Addr().(*net.TCPAddr).AddrPort(), server: &http.Server{}}, h
}

func (w *world) grpcClient() grpc_health_v1.HealthClient {
	w.Helper()
	c, err := grpc.NewClient(w.addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = c.Close() })
	return grpc_health_v1.NewHealthClient(c)
}

func TestGRPC(t *testing.T) {
	w := newWorld(t)
	old, oldHealth := w.grpcInstance()
	w.acknowledged(w.streams(time.Minute, old))
	client := w.grpcClient()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	res, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || res.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", res, err)
	}
	stream, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	hear := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, err := stream.Recv(); err != nil || got.Status != want {
			t.Fatalf("%v, %v; want %v", got, err, want)
		}
	}
	hear(grpc_health_v1.HealthCheckResponse_SERVING)

	next, _ := w.grpcInstance()
	f := w.streams(500*time.Millisecond, next)
	w.acknowledged(f)
	w.observed("a stream in flight", func(s slipway.RouteStatus) bool { return s.InFlight[old.id] == 1 })
	oldHealth.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	hear(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if took := w.drained(f, old); took > 3*time.Second {
		t.Errorf("cut after %v", took)
	}
	if _, err := stream.Recv(); err == nil || ctx.Err() != nil {
		t.Errorf("the stream is open after the cut: %v", err)
	}
	if res, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil || res.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("the connection did not survive the cut of one stream: %v, %v", res, err)
	}
}

// An answer of trailers alone ends with its head, or its client would wait for ever: each
// has a deadline of its own.
func TestAnAnswerOfTrailersAlone(t *testing.T) {
	w := newWorld(t)
	i, _ := w.grpcInstance()
	w.acknowledged(w.streams(time.Minute, i))
	client := w.grpcClient()
	check := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "nobody"})
		return err
	}
	for n := range 2000 {
		if err := check(); status.Code(err) != codes.NotFound {
			t.Fatalf("call %d: %v", n, err)
		}
	}
}

// answers starts an instance that answers every call of gRPC so.
func (w *world) answers(call grpc.StreamHandler) (*grpc.Server, *instance) {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(call))
	go func() { _ = s.Serve(l) }()
	w.Cleanup(s.Stop)
	return s, &instance{id: slipway.InstanceID(fmt.Sprintf("i-%d", born.Add(1))), addr: l.Addr().(*net.TCPAddr).AddrPort(), server: &http.Server{}}
}

// calls is a client of gRPC.
func (w *world) calls() *grpc.ClientConn {
	w.Helper()
	conn, err := grpc.NewClient(w.addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close() })
	return conn
}

// An instance may end a call while the client could still send: it is not waited for.
func TestAnInstanceEndsACall(t *testing.T) {
	w := newWorld(t)
	_, i := w.answers(func(_ any, s grpc.ServerStream) error {
		if err := s.SendMsg(&grpc_health_v1.HealthCheckResponse{}); err != nil {
			return err
		}
		return status.Error(codes.ResourceExhausted, "enough")
	})
	w.acknowledged(w.streams(time.Minute, i))
	conn := w.calls()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 20 {
		call, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/talks/Long")
		if err == nil {
			err = call.SendMsg(&grpc_health_v1.HealthCheckRequest{})
		}
		if err == nil || errors.Is(err, io.EOF) { // it may have ended before anything was sent
			err = call.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := call.RecvMsg(&grpc_health_v1.HealthCheckResponse{}); status.Code(err) != codes.ResourceExhausted {
			t.Fatalf("it ended with %v", err)
		}
	}
	w.observed("nothing in flight", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 0 })
}

// A client that listens and says nothing is told at once that its instance is gone.
func TestAnInstanceDiesWithACallInHand(t *testing.T) {
	w := newWorld(t)
	s, i := w.answers(func(_ any, s grpc.ServerStream) error {
		err := s.SendMsg(&grpc_health_v1.HealthCheckResponse{})
		<-s.Context().Done()
		return err
	})
	w.acknowledged(w.streams(time.Minute, i))
	conn := w.calls()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	call, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/talks/Long")
	if err == nil {
		err = call.RecvMsg(&grpc_health_v1.HealthCheckResponse{})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if err := call.RecvMsg(&grpc_health_v1.HealthCheckResponse{}); err == nil || ctx.Err() != nil {
		t.Errorf("the client was told %v", err)
	}
	w.observed("nothing in flight", func(s slipway.RouteStatus) bool { return len(s.InFlight) == 0 })
}

// Nothing is lost over HTTP/2 either while instances are replaced.
func TestNothingIsLostOverHTTP2(t *testing.T) {
	w := newQuietWorld(t)
	start := func() *instance {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return w.http2Instance(l, echo)
	}
	live := []*instance{start(), start()}
	w.acknowledged(w.streams(10*time.Second, live...))
	client := http2Client(t)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for n := range 8 {
		asking.Go(func() {
			for asked := 0; ; asked++ {
				select {
				case <-stop:
					return
				default:
				}
				body := strings.Repeat("x", n*900)
				res, err := client.Post(w.url(), "text/plain", struct{ io.Reader }{strings.NewReader(body)})
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || string(text) != body {
					t.Errorf("request %d: %s %v %.100q", asked, res.Status, err, text)
					return
				}
			}
		})
	}
	for range 30 {
		old := live[0]
		live = append(live[1:], start())
		w.drained(w.streams(10*time.Second, live...), old)
		old.kill()
	}
	close(stop)
	asking.Wait()
}

// A router that is stopped says so to those who keep connections, and loses
// nothing that is on its way.
func TestAStopIsAnnounced(t *testing.T) {
	w := newWorld(t)
	begun := make(chan struct{}, 1)
	w.acknowledged(w.route(time.Second, w.start(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			time.Sleep(300 * time.Millisecond)
		}
		_, _ = io.WriteString(rw, "ok")
	})))
	c, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	read := bufio.NewReader(c)
	slow := make(chan error, 1)
	go func() {
		res, err := http2Client(t).Get(w.url() + "/slow")
		if err == nil {
			_, err = io.ReadAll(res.Body)
			_ = res.Body.Close()
		}
		slow <- err
	}()
	<-begun
	go w.stop()
	for n := 0; ; n++ {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(read, nil)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.Close {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := <-slow; err != nil {
		t.Error(err)
	}
	w.stop()
}

// Of HTTP/2 too no body is bigger than what is taken, whether it says so before or not.
func TestABodyOverHTTP2IsBounded(t *testing.T) {
	const most = 1 << 20
	for _, instances := range []string{"http1", "h2c"} {
		t.Run("to "+instances, func(t *testing.T) {
			w := newWorld(t)
			w.stop()
			w.body = most
			w.routerUp()
			var got atomic.Int64
			serve := func(_ http.ResponseWriter, r *http.Request) {
				if n, err := io.Copy(io.Discard, r.Body); err == nil {
					got.Store(n)
				}
			}
			w.speaking(instances, serve)
			client := http2Client(t)
			unsaid := func(n int) io.Reader { return struct{ io.Reader }{strings.NewReader(strings.Repeat("a", n))} }
			for name, body := range map[string]io.Reader{"said": strings.NewReader(strings.Repeat("a", most+1)), "unsaid": unsaid(most + 1)} {
				res, err := client.Post(w.url(), "", body)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				text, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), "over 1 MiB") {
					t.Errorf("%s: %d %s", name, res.StatusCode, text)
				}
			}
			if n := got.Load(); n != 0 {
				t.Errorf("an instance took %d bytes for a whole body", n)
			}
			res, err := client.Post(w.url(), "", unsaid(most))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK || got.Load() != most {
				t.Errorf("as much as is taken: %d, %d bytes", res.StatusCode, got.Load())
			}
		})
	}
}
