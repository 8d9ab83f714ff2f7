package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/demo"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// databaseEnv passes the database's address, which may hold a password, without
// showing it in a process title.
const databaseEnv = "SLIPWAY_DATABASE"

// Commands are the roles, to be added to the command line.
func Commands(version string) []*cobra.Command {
	return []*cobra.Command{
		upCommand(), downCommand(), doctorCommand(version), installCommand(), backupCommand(), restoreCommand(), demo.Command(), serverCommand(version), executorCommand(), routerCommand(), agentCommand(version),
		shimCommand(), gitHookCommand(), guardCommand(),
	}
}

func upCommand() *cobra.Command {
	var o UpOptions
	var queues []string
	c := &cobra.Command{
		Use:   "up",
		Short: "Run Slipway on this machine: server, router and agents",
		Long: `Run Slipway on this machine: a server, a router and one agent per queue, restarted when they die.

Ctrl-C or "slipway down" ends everything, instances included. SIGTERM leaves the router and the
instances serving; the next "slipway up" adopts them.

A database address with a password is better given in the variable SLIPWAY_DATABASE.`,
		Example: "  slipway up\n  slipway up --detach --queue test --queue production\n  slipway up --metrics 127.0.0.1:9464\n  SLIPWAY_DATABASE=postgres://… slipway up",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Data, o.Out = dataFlag(c), c.OutOrStdout()
			for _, q := range queues {
				o.Queues = append(o.Queues, slipway.Queue(q))
			}
			if o.Database == "" {
				o.Database = os.Getenv(databaseEnv)
			}
			return Up(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", DefaultListen, "address of the server")
	c.Flags().IntVar(&o.RoutePort, "route-port", DefaultRoutePort, "first port of the services' routes")
	c.Flags().StringSliceVar(&queues, "queue", DefaultQueues, "queue to run an agent for; repeatable")
	c.Flags().StringVar(&o.Database, "database", "", "postgres://… instead of SQLite in the data directory")
	keepFlag(c, &o.Keep)
	reachFlag(c, &o.Reach)
	metricsFlag(c, &o.Metrics)
	c.Flags().BoolVar(&o.Detach, "detach", false, "return when everything runs")
	c.Flags().BoolVar(&o.Supervise, "supervise", false, "started by --detach")
	_ = c.Flags().MarkHidden("supervise")
	return c
}

func downCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "End everything that runs on this data directory, instances included",
		Example: "  slipway down",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := Down(c.Context(), dataFlag(c)); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), "slipway is down")
			return err
		},
	}
}

// dataFlag is the value of the command line's own --data flag.
func dataFlag(c *cobra.Command) string {
	dir, _ := c.Flags().GetString("data")
	return dir
}

// runRole runs f until SIGINT or SIGTERM.
func runRole(c *cobra.Command, f func(*cobra.Command) error) error {
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	c.SetContext(ctx)
	return f(c)
}

func roleLogger(role string) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("role", role)
}

// serversAndToken are the servers that a role may speak to, and how it proves
// itself: the flags of the command line, separated by commas, else the data
// directory, which find asks again. While none runs there it is the last one,
// which may be just coming back.
func serversAndToken(c *cobra.Command, data Data, tokenFile string) (urls []string, find func() []string, token string, err error) {
	url, token, err := serverAndToken(c, data, tokenFile)
	if err != nil {
		return nil, nil, "", err
	}
	if f, _ := c.Flags().GetString("server"); f != "" {
		for server := range strings.SplitSeq(f, ",") {
			urls = append(urls, strings.TrimRight(server, "/"))
		}
		return urls, func() []string { return urls }, token, nil
	}
	if urls = data.Servers(); len(urls) == 0 {
		urls = []string{url}
	}
	return urls, data.Servers, token, nil
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

func splitQueues(s string) []slipway.Queue {
	var queues []slipway.Queue
	for q := range strings.SplitSeq(s, ",") {
		if q != "" {
			queues = append(queues, slipway.Queue(q))
		}
	}
	return queues
}
