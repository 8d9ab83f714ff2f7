// Package prometheustest runs real Prometheus servers for tests.
package prometheustest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Every is how often what it knows is asked for its counters.
const Every = 200 * time.Millisecond

// Server is a Prometheus server of one test.
type Server struct {
	URL string

	t   testing.TB
	dir string
	run *exec.Cmd // nil: it does not
}

// New prepares a server that does not run yet. The test is skipped where there is
// none to run.
func New(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Skip("there is no prometheus: run dev/setup")
	}
	s := &Server{t: t, dir: t.TempDir()}
	if err := os.Mkdir(s.Targets(), 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: { scrape_interval: %s, scrape_timeout: %[1]s }\nscrape_configs:\n  - job_name: test\n    file_sd_configs: [{ files: [%q], refresh_interval: 1s }]\n",
		Every, s.Targets()+"/*.json")
	if err := os.WriteFile(s.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		t.Fatal(err)
	}
	s.URL = "http://" + l.Addr().String()
	_ = l.Close()
	t.Cleanup(s.Stop)
	return s
}

// Targets is the folder whose files name what is asked for its counters. It is
// looked at when it changes.
func (s *Server) Targets() string { return filepath.Join(s.dir, "targets") }

func (s *Server) config() string { return filepath.Join(s.dir, "prometheus.yml") }

// Target has what listens at an address asked for its counters.
func (s *Server) Target(name, address string) {
	s.t.Helper()
	text, err := json.Marshal([]map[string][]string{{"targets": {address}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(s.Targets(), name+".json"), text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Start starts s, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	s.run = exec.Command("prometheus", "--config.file", s.config(), "--storage.tsdb.path", filepath.Join(s.dir, "data"), //nolint:noctx // Stop ends it
		"--web.listen-address", s.URL[len("http://"):], "--log.level", "warn")
	s.run.Stdout, s.run.Stderr = log, log
	if err := s.run.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(s.URL + "/-/ready") //nolint:noctx // a test ends
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("prometheus does not start: %s", text)
		}
	}
}

// Stop ends s, if it runs. It can be started again.
func (s *Server) Stop() {
	if s.run == nil {
		return
	}
	_ = s.run.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(5*time.Second, func() { _ = s.run.Process.Kill() })
	_ = s.run.Wait()
	late.Stop()
	s.run = nil
}
