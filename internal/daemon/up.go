package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

// UpOptions say what `slipway up` brings up.
type UpOptions struct {
	Data      string          // directory; "" is the default one
	Listen    string          // address of the server
	RoutePort int             // first port of the services' routes
	Queues    []slipway.Queue // one agent each
	Database  string          // "" is SQLite in the data directory
	Detach    bool            // return when everything runs
	Supervise bool            // started by --detach: print nothing
	Out       io.Writer
}

// Defaults of UpOptions.
const (
	DefaultListen    = "127.0.0.1:7070"
	DefaultRoutePort = 7100
)

// DefaultQueues each have an agent: the queues whose jobs may deploy.
var DefaultQueues = []string{"test", "production"}

// serverPatience is how long the server may take to answer for the first time:
// migrations run before it does.
const serverPatience = 60 * time.Second

// endPatience is how long instances may take to end when all is taken down.
const endPatience = 60 * time.Second

// Up runs everything on this machine until it is interrupted. Interrupted
// (SIGINT, or `slipway down`) it ends all, instances included; terminated
// (SIGTERM) it leaves router and instances serving, for the next Up to adopt.
// It returns a Conflict error when the data directory has a supervisor already.
func Up(ctx context.Context, o UpOptions) error {
	data, err := OpenData(o.Data)
	if err != nil {
		return err
	}
	for _, q := range o.Queues {
		if err := q.Validate(); err != nil {
			return err
		}
	}
	if err := checkRoutePort(o.RoutePort); err != nil {
		return err
	}
	if o.Detach {
		return detach(ctx, data, o)
	}
	held, err := data.lockData("up")
	if err != nil {
		return err
	}
	defer held.release()

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	running, stop := context.WithCancel(ctx)
	defer stop()
	s := &supervisor{log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if err := raise(running, s, data, o); err != nil {
		stop()
		s.stop(func(*role) bool { return true })
		return err
	}
	if err := os.WriteFile(data.ready(), nil, 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(data.ready()) }()
	if !o.Supervise {
		banner(ctx, data, o)
	}
	var why os.Signal = syscall.SIGINT
	select {
	case why = <-signals:
	case <-ctx.Done():
	}
	stop()
	if why == syscall.SIGTERM {
		s.stop(func(r *role) bool { return !r.stays })
		return nil
	}
	if !o.Supervise {
		_, _ = fmt.Fprintln(o.Out, "slipway: ending everything, instances included …")
	}
	s.stop(func(r *role) bool { return !r.stays })
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	err = endInstances(ending, data)
	s.stop(func(r *role) bool { return r.stays })
	return err
}

// raise starts the roles: the server first, which makes what the others need.
func raise(ctx context.Context, s *supervisor, data Data, o UpOptions) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	server := &role{name: "server", exe: exe, data: data, patience: 10 * time.Second,
		args: []string{"server", "--data", data.Dir, "--listen", o.Listen, "--route-port", fmt.Sprint(o.RoutePort), "--queues", join(o.Queues)}}
	if o.Database != "" {
		server.env = append(server.env, databaseEnv+"="+o.Database)
	}
	_ = os.Remove(data.serverFile())
	if err := s.start(server); err != nil {
		return err
	}
	if err := awaitServer(ctx, data, server); err != nil { // what it cannot do now, it cannot do a second time
		return err
	}
	s.keep(ctx, server)
	router := &role{name: "router", exe: exe, data: data, stays: true, patience: 5 * time.Second,
		args: []string{"router", "--data", data.Dir}}
	if err := s.start(router); err != nil {
		return err
	}
	s.keep(ctx, router)
	for _, q := range o.Queues {
		agent := &role{name: "agent-" + string(q), exe: exe, data: data, patience: 15 * time.Second,
			args: []string{"agent", "--data", data.Dir, "--queue", string(q)}}
		if err := s.start(agent); err != nil {
			return err
		}
		s.keep(ctx, agent)
	}
	return nil
}

func join(queues []slipway.Queue) string {
	var b strings.Builder
	for i, q := range queues {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(q))
	}
	return b.String()
}

// awaitServer waits until the server answers. When it ends instead, its last
// words are the error.
func awaitServer(ctx context.Context, data Data, server *role) error {
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	ended := server.current().ended
	for {
		if url, err := data.ServerURL(); err == nil && answers(ctx, url) {
			return nil
		}
		select {
		case <-ended:
			return server.lastWords()
		case <-ctx.Done():
			return slipway.Errorf(slipway.Unavailable, "the server did not answer within %s", serverPatience).
				Do("its log: %s", data.roleLog("server"))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	resp, err := (&http.Client{Timeout: 2 * time.Second}).Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// detach starts the supervisor in the background and returns when it is ready.
func detach(ctx context.Context, data Data, o UpOptions) error {
	held, err := data.lockData("up") // somebody else's: say so here, not in a log
	if err != nil {
		return err
	}
	held.release()
	_ = os.Remove(data.ready())
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"up", "--supervise", "--data", data.Dir, "--listen", o.Listen, "--route-port", fmt.Sprint(o.RoutePort)}
	for _, q := range o.Queues {
		args = append(args, "--queue", string(q))
	}
	logFile := data.roleLog("up")
	out, err := openLog(logFile)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	logged := length(out)
	cmd := exec.Command(exe, args...) //nolint:noctx // it outlives us
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o.Database != "" {
		cmd.Env = append(os.Environ(), databaseEnv+"="+o.Database)
	}
	if err := cmd.Start(); err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot start in the background: %w", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		if _, err := os.Stat(data.ready()); err == nil {
			banner(ctx, data, o)
			return nil
		}
		select {
		case <-ended:
			return lastWords(logFile, logged, cmd.ProcessState.ExitCode())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (d Data) ready() string { return filepath.Join(d.run(), "up.ready") }

// ServerURL is where the server of this data directory listens.
func (d Data) ServerURL() (string, error) {
	text, err := os.ReadFile(d.serverFile())
	if errors.Is(err, os.ErrNotExist) {
		return "", slipway.Errorf(slipway.Unavailable, "no server runs on %s", d.Dir).Do("start it: slipway up")
	}
	var s serverFile
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s.URL, err
}

// serverFile is how the commands find the server of a data directory.
type serverFile struct {
	URL string `json:"url"`
}
