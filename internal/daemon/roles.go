package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/agent"
	"github.com/slipway-cd/slipway/internal/driver/process"
	"github.com/slipway-cd/slipway/internal/protocol/git"
	"github.com/slipway-cd/slipway/internal/router"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// localRouter is the router that `slipway up` runs.
const localRouter slipway.RouterID = "local"

func roleLogger(role string) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("role", role)
}

func routerCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:     "router",
		Short:   "Run the router alone: the data plane of one machine",
		Example: "  slipway router",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runRole(c, func(c *cobra.Command) error { return runRouter(c, listen) })
		},
	}
	c.Flags().StringVar(&listen, "route-host", "127.0.0.1", "host that routes listen on")
	return c
}

func runRouter(c *cobra.Command, listen string) error {
	data, err := OpenData(dataFlag(c))
	if err != nil {
		return err
	}
	url, token, err := serverAndToken(c, data, data.routerToken())
	if err != nil {
		return err
	}
	r, err := router.New(router.Config{
		ID: localRouter, Dir: data.router(), Server: url, Token: token, Listen: listen, Logger: roleLogger("router"),
	})
	if err != nil {
		return err
	}
	return r.Run(c.Context())
}

func agentCommand(version string) *cobra.Command {
	var queue, name string
	c := &cobra.Command{
		Use:     "agent",
		Short:   "Run an agent alone: it runs the jobs of one queue",
		Long:    "Run an agent alone. SIGTERM lets the job that runs finish; a second one kills it.",
		Example: "  slipway agent --queue test\n  slipway agent --queue test --server http://ci.example.com:7070 --token-file agent.token",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runAgent(c, slipway.Queue(queue), name, version)
		},
	}
	c.Flags().StringVar(&queue, "queue", "test", "queue whose jobs it runs")
	c.Flags().StringVar(&name, "name", "", "name that people see (default HOST-QUEUE)")
	c.AddCommand()
	return c
}

func runAgent(c *cobra.Command, queue slipway.Queue, name, version string) error {
	if err := queue.Validate(); err != nil {
		return err
	}
	data, err := OpenData(dataFlag(c))
	if err != nil {
		return err
	}
	url, token, err := serverAndToken(c, data, data.agentToken(queue))
	if missing, ok := errors.AsType[*slipway.Error](err); ok && missing.Code == slipway.NotFound {
		return missing.Do("make one: slipway agent-token --queue %s · and name it: --token-file FILE", queue)
	}
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if name == "" {
		host, _ := os.Hostname()
		name = host + "-" + string(queue)
	}
	a, err := agent.New(agent.Config{
		Server: url, Token: token, Queue: queue, Name: name, Version: version, Dir: data.agent(queue), Exe: exe,
		Env: os.Environ(), Logger: roleLogger("agent " + string(queue)),
	})
	if err != nil {
		return err
	}
	return runGently(c.Context(), a)
}

// runGently lets the running job finish at the first signal and kills it at the
// second.
func runGently(ctx context.Context, a *agent.Agent) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case <-signals:
			a.Stop()
		case <-ctx.Done():
			return
		}
		select {
		case <-signals:
			kill()
		case <-ctx.Done():
		}
	}()
	return a.Run(ctx)
}

// serverAndToken is where a role finds its server and how it proves itself:
// the flags of the command line, else the data directory.
func serverAndToken(c *cobra.Command, data Data, tokenFile string) (url, token string, err error) {
	if url, _ = c.Flags().GetString("server"); url == "" {
		if url, err = data.ServerURL(); err != nil {
			return "", "", err
		}
	}
	if f, _ := c.Flags().GetString("token-file"); f != "" {
		tokenFile = f
	}
	token, err = auth.ReadToken(tokenFile)
	return url, token, err
}

func shimCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "shim DIR",
		Short:  "Own one instance of this machine; started by the server",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return process.RunShim(c.Context(), args[0])
		},
	}
}

func gitHookCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "git-hook",
		Short:  "Tell the server of a push, and the pusher how it goes; run by git",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return git.RunHook(ctx, c.InOrStdin(), c.OutOrStdout(), os.Getenv)
		},
	}
}

func guardCommand() *cobra.Command {
	return &cobra.Command{
		Use:                agent.GuardCommand,
		Short:              "Run a job's command for an agent",
		Hidden:             true,
		DisableFlagParsing: true,
		Run:                func(_ *cobra.Command, args []string) { os.Exit(agent.Guard(args)) },
	}
}

// endInstances ends every instance of the data directory, for `slipway down`.
// The server has ended by then and has let go of the directory.
func endInstances(ctx context.Context, data Data) error {
	if _, err := os.Stat(data.instances()); err != nil {
		return nil //nolint:nilerr // nothing was ever started
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	d, err := process.Open(process.Config{
		Dir: data.instances(), RuntimeDir: data.sockets(), Shim: []string{exe, "shim"}, Log: roleLogger("down"),
	})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.StopAll(ctx); err != nil {
		return err
	}
	_ = os.Remove(data.sockets()) // stays while something is left in it
	return nil
}
