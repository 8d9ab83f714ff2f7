package process_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver"
	"github.com/slipway-cd/slipway/internal/driver/drivertest"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

// The test binary is every program of these tests: the shim, the instance and
// a server that can be killed.
func TestMain(m *testing.M) {
	role := ""
	if len(os.Args) > 2 {
		role = os.Args[1]
	}
	switch role {
	case "shim":
		if err := process.RunShim(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "app":
		if len(os.Args) > 3 && os.Args[3] == "look" {
			look()
		} else if len(os.Args) > 3 && os.Args[3] == "dawdle" {
			dawdle()
		} else if len(os.Args) > 3 && os.Args[3] == "litter" {
			litter()
		} else {
			app()
		}
	case "linger":
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
		time.Sleep(time.Minute)
	case "vanish":
		vanish()
	case "server":
		server(os.Args[2], os.Args[3])
	default:
		flag.Parse()
		if err := flag.Set("test.parallel", "6"); err != nil { // they wait more than they work
			panic(err)
		}
		os.Exit(m.Run())
	}
}

var held []byte // by an app

// app is a service that behaves as it is told.
func app() {
	behave := os.Getenv(drivertest.Behave)
	if behave == drivertest.Crashing {
		_, _ = fmt.Fprintln(os.Stdout, "about to crash")
		os.Exit(3)
	}
	if behave == "brooding" {
		time.Sleep(200 * time.Millisecond)
		os.Exit(4)
	}
	if behave == "worker" {
		work()
	}
	if behave == "deaf" {
		signal.Ignore(syscall.SIGTERM)
	}
	var ready, live atomic.Bool
	ready.Store(behave != drivertest.Unready)
	live.Store(true)
	say := func(ok *atomic.Bool, no string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if !ok.Load() {
				http.Error(w, no, http.StatusServiceUnavailable)
			}
		}
	}
	no := "warming cache"
	if behave == "telltale" {
		ready.Store(false)
		no = "cannot log in with " + os.Getenv("TOKEN")
	}
	http.HandleFunc("/readyz", say(&ready, no))
	http.HandleFunc("/healthz", say(&live, "deadlock"))
	http.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, os.Getpid()) })
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	http.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { // once this is answered
		time.AfterFunc(100*time.Millisecond, func() { panic("nobody at table " + strconv.Itoa(os.Getpid())) })
	})
	http.HandleFunc("/hold", func(_ http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("bytes"))
		held = bytes.Repeat([]byte{1}, n)
	})
	http.HandleFunc("/burn", func(_ http.ResponseWriter, r *http.Request) { // in a child
		_ = exec.Command("/bin/sh", "-c", "n=0; while [ $n -lt 300000 ]; do n=$((n+1)); done").Run()
	})
	http.HandleFunc("/token", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintln(os.Stdout, r.FormValue("before")+os.Getenv("TOKEN")+r.FormValue("after"))
	})
	http.HandleFunc("/unready", func(http.ResponseWriter, *http.Request) { ready.Store(false) })
	http.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) { ready.Store(true) })
	http.HandleFunc("/dead", func(http.ResponseWriter, *http.Request) { live.Store(false) })
	http.HandleFunc("/alive", func(http.ResponseWriter, *http.Request) { live.Store(true) })
	http.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { time.Sleep(4 * time.Second) })
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		dir, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{"env": os.Environ(), "args": os.Args, "dir": dir})
	})
	http.HandleFunc("/print", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("bytes"))
		line := []byte(strings.Repeat("x", 1023) + "\n")
		for ; n > 0; n -= len(line) {
			_, _ = os.Stdout.Write(line)
		}
		_, _ = fmt.Fprintln(os.Stdout, r.FormValue("last"))
	})
	http.HandleFunc("/linger", func(w http.ResponseWriter, _ *http.Request) { // a grandchild that leaves
		cmd := exec.Command(os.Args[0], "linger", "on")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = cmd.Start()
		_, _ = fmt.Fprint(w, cmd.Process.Pid)
	})
	http.HandleFunc("/vanish", func(w http.ResponseWriter, _ *http.Request) { // one that nobody is the parent of
		cmd := exec.Command(os.Args[0], "vanish", "on")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, _ := cmd.Output()
		_, _ = w.Write(out)
	})
	if os.Getenv("PORT") == "" {
		select {}
	}
	if behave == "silent" {
		time.Sleep(time.Hour)
	}
	_, _ = fmt.Fprintln(os.Stdout, "listening on", os.Getenv("PORT"))
	if behave == "grpc" {
		serveGRPC(&ready)
	}
	_, _ = fmt.Fprintln(os.Stdout, http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
	os.Exit(1)
}

// serveGRPC answers for its health at the port, and to all else as a web server.
func serveGRPC(ready *atomic.Bool) {
	s := grpc.NewServer()
	h := health.NewServer()
	healthpb.RegisterHealthServer(s, h)
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http.DefaultServeMux.ServeHTTP(w, r)
			return
		}
		now := healthpb.HealthCheckResponse_NOT_SERVING
		if ready.Load() {
			now = healthpb.HealthCheckResponse_SERVING
		}
		h.SetServingStatus("thoughts", now)
		s.ServeHTTP(w, r)
	})
	server := http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: both, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	_, _ = fmt.Fprintln(os.Stdout, server.ListenAndServe())
	os.Exit(1)
}

// look is a probe of the service from beside it.
func look() {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get("http://127.0.0.1:" + os.Getenv("PORT") + "/readyz")
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		os.Exit(2)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, _ = fmt.Fprintln(os.Stdout, "warming cache\nand more")
		os.Exit(1)
	}
}

// dawdle is a probe that does not end, nor does what it has started.
func dawdle() {
	signal.Ignore(syscall.SIGTERM)
	_, _ = fmt.Fprintln(os.Stdout, "still looking")
	cmd := exec.Command("/bin/sleep", "60")
	cmd.Stdout = os.Stdout
	_ = cmd.Run()
}

// litter is a probe that leaves somebody behind.
func litter() {
	if err := exec.Command("/bin/sleep", os.Args[4]).Start(); err != nil {
		os.Exit(1)
	}
}

// work is a worker that can be told, and says what it is told.
func work() {
	told := make(chan os.Signal, 10)
	signal.Notify(told, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM)
	file := func() string {
		b, _ := os.ReadFile(os.Getenv("SLIPWAY_ACTIVE_FILE"))
		return string(b)
	}
	_, _ = fmt.Fprintln(os.Stdout, "starts", os.Getenv("SLIPWAY_ACTIVE"), file())
	for s := range told {
		_, _ = fmt.Fprintln(os.Stdout, unix.SignalName(s.(syscall.Signal)), file())
		if s == syscall.SIGTERM {
			os.Exit(0)
		}
	}
}

// vanish starts a process that has nothing of its instance: not its session, not
// its environment, and no living parent.
func vanish() {
	cmd := exec.Command(os.Args[0], "linger", "on")
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		os.Exit(1)
	}
	_, _ = fmt.Fprint(os.Stdout, cmd.Process.Pid)
}

// images is an image store in memory.
type images struct {
	mu  sync.Mutex
	all map[slipway.Digest]v1.Image
}

func (s *images) Image(_ context.Context, d slipway.Digest) (v1.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if img := s.all[d]; img != nil {
		return img, nil
	}
	return nil, slipway.Errorf(slipway.NotFound, "no image %s", d.Short())
}

func (s *images) add(t testing.TB, img v1.Image) slipway.Digest {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[slipway.Digest(d.String())] = img
	return slipway.Digest(d.String())
}

// archive is a layer of these entries.
func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		body := h.PAXRecords["TEST.body"]
		h.PAXRecords = nil
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(body))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, body string) tar.Header {
	return tar.Header{Name: name, PAXRecords: map[string]string{"TEST.body": body}}
}

func image(t testing.TB, config v1.Config, layers ...[]byte) v1.Image {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for _, l := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(l, types.OCIUncompressedLayer)); err != nil {
			t.Fatal(err)
		}
	}
	img, err := mutate.Config(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// appImage holds a script that the kernel runs with the test binary.
func appImage(t testing.TB) v1.Image {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return image(t, v1.Config{Entrypoint: []string{"/bin/app"}, WorkingDir: "/srv", Env: []string{"FROM_IMAGE=yes", quickExit, "HOME=/root", "PATH=/bin"}},
		archive(t, file("bin/app", "#!"+self+" app\n"), file("bin/idle", "#!/bin/sh\nexec sleep 60\n"), tar.Header{Name: "srv", Typeflag: tar.TypeDir}))
}

// world is a directory with drivers, one at a time.
type world struct {
	t       testing.TB
	dir     string
	runtime string
	images  *images
	app     slipway.Digest
	shims   []string // command
	opened  []func() // close what was opened
	secrets process.Secrets
	without error // why drivers have no control groups, if they are to have none

	mu   sync.Mutex
	seen []slipway.InstanceStatus // all that drivers have told of, in turn
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "process"), images: &images{all: map[slipway.Digest]v1.Image{}}}
	w.runtime = shortDir(t)
	w.app = w.images.add(t, appImage(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.shims = shimCommand(self)
	t.Cleanup(w.end)
	return w
}

// quickExit spares the race detector's second of sleep at each exit.
const quickExit = "GORACE=atexit_sleep_ms=0"

func shimCommand(self string) []string { return []string{"/usr/bin/env", quickExit, self, "shim"} }

// shortDir is short enough for sockets, which t.TempDir is not.
func shortDir(t testing.TB) string {
	dir := filepath.Join(os.TempDir(), "slipway-test-"+rand.Text()[:8])
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (w *world) config() process.Config {
	return process.Config{
		Dir: w.dir, RuntimeDir: w.runtime, Images: w.images, Secrets: w.secrets, Shim: w.shims, Patience: 1500 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler),
	}
}

// open starts a driver; close ends it and leaves what it runs.
func (w *world) open() (d *process.Driver, close func()) {
	w.t.Helper()
	d, err := process.Open(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	if w.without != nil {
		process.WithoutGroups(d, w.without)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() {
		ended <- d.Watch(ctx, func(slipway.TargetID) {
			groups, _ := d.List(ctx)
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, g := range groups {
				w.seen = append(w.seen, g.Instances...)
			}
		})
	}()
	for process.Watchers(d) == 0 {
		time.Sleep(time.Millisecond)
	}
	go func() { ended <- d.Run(ctx) }()
	close = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				w.t.Errorf("Run or Watch: %v", err)
			}
		}
		if err := d.Close(); err != nil {
			w.t.Errorf("Close: %v", err)
		}
	})
	w.opened = append(w.opened, close)
	return d, close
}

// awaitTold waits until an instance was told to be as ok says, be it for a
// moment.
func (w *world) awaitTold(what string, ok func(slipway.InstanceStatus) bool) slipway.InstanceStatus {
	w.t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(2 * time.Millisecond) {
		w.mu.Lock()
		at := slices.IndexFunc(w.seen, ok)
		if at >= 0 {
			defer w.mu.Unlock()
			return w.seen[at]
		}
		w.mu.Unlock()
	}
	w.t.Fatalf("never told to be %s", what)
	panic("unreachable")
}

// start opens a driver that ends with the test.
func (w *world) start() *process.Driver {
	w.t.Helper()
	d, _ := w.open()
	return d
}

// serve starts a driver and one instance, and returns when that is ready.
func (w *world) serve(edit ...func(*slipway.GroupSpec)) (*process.Driver, slipway.InstanceStatus) {
	w.t.Helper()
	d := w.start()
	apply(w.t, d, w.group(1, edit...))
	return d, await(w.t, d, "ready", ready)
}

// end ends everything that a test has left running, however it ended itself.
func (w *world) end() {
	for _, close := range w.opened {
		close()
	}
	if _, err := os.Stat(w.dir); err != nil {
		return
	}
	d, err := process.Open(w.config())
	if err != nil {
		w.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(d.StopAll(ctx), d.Close(), os.RemoveAll(w.runtime)); err != nil {
		w.t.Error(err)
	}
}

var shop = slipway.TargetID{Service: "shop", Environment: "test"}

func (w *world) group(n int, edit ...func(*slipway.GroupSpec)) slipway.GroupSpec {
	g := slipway.GroupSpec{
		ID: "g1", Target: shop, Replicas: n, Active: true, Fence: slipway.Fence{Epoch: 1, Generation: 1},
		Revision: slipway.Revision{
			ID: "r1", Target: shop, Release: 14, Image: w.app, Kind: slipway.Web,
			Run:    slipway.Run{Port: 8000, Env: map[string]string{drivertest.Behave: drivertest.Healthy}, StopGrace: 5 * time.Second},
			Health: slipway.Health{Ready: &slipway.Probe{HTTP: "/readyz", Failures: 1}},
		},
	}
	for _, e := range edit {
		e(&g)
	}
	return g
}

func behaving(how string) func(*slipway.GroupSpec) {
	return func(g *slipway.GroupSpec) { g.Revision.Run.Env[drivertest.Behave] = how }
}

func apply(t testing.TB, d *process.Driver, g slipway.GroupSpec) {
	t.Helper()
	if err := d.Apply(t.Context(), g); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

// all lists the instances.
func all(t testing.TB, d *process.Driver) []slipway.InstanceStatus {
	t.Helper()
	groups, err := d.List(t.Context())
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	var is []slipway.InstanceStatus
	for _, g := range groups {
		is = append(is, g.Instances...)
	}
	return is
}

// await lists until the first instance is as ok says.
func await(t testing.TB, d *process.Driver, what string, ok func(slipway.InstanceStatus) bool) slipway.InstanceStatus {
	t.Helper()
	var last slipway.InstanceStatus
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(2 * time.Millisecond) {
		if is := all(t, d); len(is) > 0 {
			if last = is[0]; ok(last) {
				return last
			}
		}
	}
	t.Fatalf("not %s: %+v", what, last)
	panic("unreachable")
}

func ready(i slipway.InstanceStatus) bool { return i.Phase == slipway.InstanceReady }

// get asks an instance.
func get(t testing.TB, i slipway.InstanceStatus, path string) string {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + i.Addr.String() + path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return string(b)
}

func pid(t testing.TB, i slipway.InstanceStatus) int {
	t.Helper()
	n, err := strconv.Atoi(get(t, i, "/pid"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shim is the process that owns i.
func (w *world) shim(i slipway.InstanceStatus) int {
	w.t.Helper()
	return w.report(i).Shim.PID
}

// report is what i's shim has written last.
func (w *world) report(i slipway.InstanceStatus) process.Report {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "instances", string(i.ID), "state"))
	if err != nil {
		w.t.Fatal(err)
	}
	var r process.Report
	if err := json.Unmarshal(b, &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func kill(t testing.TB, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("kill -%d %d: %v", sig, pid, err)
	}
}

func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func TestConformance(t *testing.T) {
	t.Parallel()
	drivertest.Test(t, func(t *testing.T) drivertest.Lab {
		w := newWorld(t)
		return drivertest.Lab{
			Image: w.app, Asks: true,
			Open: func(*testing.T) (driver.Driver, func()) {
				d, close := w.open()
				return d, close
			},
		}
	})
}

// server is a process that owns a driver and starts two instances with it.
func server(dir, runtime string) {
	w := &world{t: nil, dir: dir, runtime: runtime, images: &images{all: map[slipway.Digest]v1.Image{}}}
	self, _ := os.Executable()
	w.shims = shimCommand(self)
	t := new(testing.T)
	w.app = w.images.add(t, appImage(t))
	d, err := process.Open(w.config())
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	go func() { _ = d.Run(context.Background()) }()
	if err := d.Apply(context.Background(), w.group(2)); err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	for {
		groups, _ := d.List(context.Background())
		if len(groups) == 1 && groups[0].Ready() == 2 {
			_, _ = fmt.Fprintln(os.Stdout, "ready")
			select {}
		}
		time.Sleep(5 * time.Millisecond)
	}
}
