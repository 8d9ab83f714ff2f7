package router

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	slipwayrouter "github.com/slipway-cd/slipway/internal/router"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// The benchmark runs itself again in the roles that are processes of their own.
const roleArg = "--role"

func play(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("no role")
	}
	switch args[0] {
	case "upstream":
		return playUpstream(ctx, args[1:])
	case "reverseproxy":
		return playReverseProxy(ctx, args[1], args[2:])
	case "slipway":
		return playSlipway(ctx, args[1:])
	}
	return fmt.Errorf("no role %q", args[0])
}

func (b *bench) role(ctx context.Context, on string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = b.start(ctx, on, nil, append([]string{self, "router", roleArg}, args...)...)
	return err
}

// startUpstream starts one process with four addresses: a stable group of three
// instances and a candidate.
func (b *bench) startUpstream(ctx context.Context) error {
	var addrs []string
	for n := range 4 {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		addrs = append(addrs, addr)
		s := server{Addr: addr, Weight: 30, Group: "stable"}
		if n == 3 {
			s = server{Addr: addr, Weight: 10, Group: "candidate"}
		}
		b.servers = append(b.servers, s)
	}
	if err := b.role(ctx, b.load, append([]string{"upstream"}, addrs...)...); err != nil {
		return err
	}
	return ready(ctx, "http://"+addrs[3]+"/")
}

const body = "Hello from an instance. What it says is as long as a small answer of an API is: a hundred and twenty-eight bytes, give or take..\n"

// playUpstream answers as fast as it can, whatever it is asked: what it costs is
// not what is measured.
func playUpstream(ctx context.Context, addrs []string) error {
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	for _, addr := range addrs {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go answerAll(c, answer)
			}
		}()
	}
	<-ctx.Done()
	return nil
}

func answerAll(c net.Conn, answer []byte) {
	defer func() { _ = c.Close() }()
	buf := make([]byte, 0, 4096)
	for {
		n, err := c.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return
		}
		if buf = buf[:len(buf)+n]; !bytes.HasSuffix(buf, []byte("\r\n\r\n")) {
			continue
		}
		buf = buf[:0]
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func (b *bench) startReverseProxy(ctx context.Context) (string, error) {
	listen, err := freeAddr()
	if err != nil {
		return "", err
	}
	args := []string{"reverseproxy", listen}
	for _, s := range b.servers {
		args = append(args, s.Addr)
	}
	return "http://" + listen + "/", b.role(ctx, b.measured, args...)
}

// playReverseProxy is the standard library's own, with nothing added but a
// choice at random and connections that are kept.
func playReverseProxy(ctx context.Context, listen string, addrs []string) error {
	var targets []*url.URL
	for _, addr := range addrs {
		targets = append(targets, &url.URL{Scheme: "http", Host: addr})
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(targets[rand.IntN(len(targets))])
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true},
	}
	s := &http.Server{Addr: listen, Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	go func() { <-ctx.Done(); _ = s.Close() }()
	if err := s.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

func (b *bench) startSlipway(ctx context.Context) (string, error) {
	listen, err := freeAddr()
	if err != nil {
		return "", err
	}
	args := []string{"slipway", filepath.Join(b.dir, "router"), listen, b.profile}
	for _, s := range b.servers {
		args = append(args, s.Addr)
	}
	return "http://" + listen + "/", b.role(ctx, b.measured, args...)
}

// playSlipway is the router as the daemon runs it, with a server that knows one
// table.
func playSlipway(ctx context.Context, args []string) error {
	dir, listen, profile, addrs := args[0], netip.MustParseAddrPort(args[1]), args[2], args[3:]
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control := &http.Server{Handler: tableOf(int(listen.Port()), addrs), ReadHeaderTimeout: time.Minute}
	go func() { _ = control.Serve(l) }()
	defer func() { _ = control.Close() }()
	r, err := slipwayrouter.New(slipwayrouter.Config{ID: "bench", Dir: dir, Server: "http://" + l.Addr().String(), Token: "slr_bench"})
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return r.Run(ctx)
}

// tableOf serves the one table: the last address is the candidate's, with a
// tenth of the traffic.
func tableOf(port int, addrs []string) http.Handler {
	route := slipway.Route{Target: slipway.TargetID{Service: "bench", Environment: "prod"}, Fence: slipway.Fence{Epoch: 1, Generation: 1}, Port: port, Drain: time.Second}
	stable := slipway.Share{Group: "stable", Release: 1, Weight: 9000}
	candidate := slipway.Share{Group: "candidate", Release: 2, Weight: 1000}
	for n, addr := range addrs {
		to := &stable
		if n == len(addrs)-1 {
			to = &candidate
		}
		to.Endpoints = append(to.Endpoints, slipway.Endpoint{Instance: slipway.InstanceID("i-" + strconv.Itoa(n)), Boot: "b", Addr: netip.MustParseAddrPort(addr)})
	}
	route.Shares = []slipway.Share{stable, candidate}
	text, _ := json.Marshal(wire.Table{Epoch: 1, Version: 1, Routes: []slipway.Route{route}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, wire.StatusPath) {
			_, _ = io.Copy(io.Discard, bufio.NewReader(r.Body))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if r.URL.Query().Get("version") == "1" {
			select {
			case <-r.Context().Done():
			case <-time.After(wire.Hold):
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write(text)
	})
}
