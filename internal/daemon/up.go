package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
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
	Keep      string          // policy of what is kept; "" is the default one
	Reach     string          // what people may have the server ask; "" follows from Listen
	Metrics   string          // where Prometheus reads the server's; "": nowhere
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

// executorPatience is how long the executor may take to listen.
const executorPatience = 20 * time.Second

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
	if err := checkKeep(o.Keep); err != nil {
		return err
	}
	if err := checkReach(o.Reach); err != nil {
		return err
	}
	if err := checkMetrics(o.Metrics); err != nil {
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
		_ = os.Remove(data.sockets()) // stays while something is left in it
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
	return endAll(ctx, s, data)
}

// endAll ends the roles that start instances, then these, then the router that
// led to them.
func endAll(ctx context.Context, s *supervisor, data Data) error {
	s.stop(func(r *role) bool { return !r.stays })
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endPatience)
	defer cancel()
	err := endInstances(ending, data)
	s.stop(func(r *role) bool { return r.stays })
	return err
}

// raise starts the roles: first the executor, which needs none, then the server,
// which makes what the others need.
func raise(ctx context.Context, s *supervisor, data Data, o UpOptions) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	executor := &role{name: "executor", exe: exe, data: data, last: true, patience: 5 * time.Second,
		args: []string{"executor", "--data", data.Dir}}
	server := &role{name: "server", exe: exe, data: data, last: true, patience: 10 * time.Second,
		args: []string{"server", "--data", data.Dir, "--listen", o.Listen, "--route-port", fmt.Sprint(o.RoutePort), "--queues", join(o.Queues), "--keep", o.Keep, "--reach", o.Reach, "--metrics", o.Metrics}}
	server.env = keyEnv()
	if o.Database != "" {
		server.env = append(server.env, databaseEnv+"="+o.Database)
	}
	executor.env = server.env
	if err := s.start(executor); err != nil {
		return err
	}
	if err := awaitExecutor(ctx, data, executor); err != nil {
		return err
	}
	s.keep(ctx, executor)
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
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = string(q)
	}
	return strings.Join(names, ",")
}
