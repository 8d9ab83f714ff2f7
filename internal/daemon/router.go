package daemon

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router"
	"github.com/slipway-cd/slipway/internal/router/access"
)

// localRouter is the router that `slipway up` runs.
const localRouter slipway.RouterID = "local"

// routerOptions say how the router role runs.
type routerOptions struct {
	name, listen, metrics string
	accessLog             string // file, "-" for standard output, "" for none
	accessSize            int    // MiB of one file
	accessKeep            int    // files besides
	upgrade               bool   // take over from the one that runs
	heir                  bool   // started by --upgrade to be the supervisor's next process
}

func routerCommand() *cobra.Command {
	var o routerOptions
	c := &cobra.Command{
		Use:   "router",
		Short: "Run the router alone: the data plane of one machine",
		Long: `Run the router alone: the data plane of one machine. There may be several, each with a name, a token and a
data directory of its own, on machines of their own or on addresses of their own: "slipway router token NAME" makes the token.

Of several servers, separated by commas, one is enough: it names the others.

With --upgrade a new process takes over from the one that runs, and no request is lost: it gets the
listening sockets, the old one finishes what it has and ends. A router that "slipway up" runs goes on
in the background; another one is replaced by this process.`,
		Example: "  slipway router\n  slipway router --name edge-2 --data ~/edge-2 --server http://10.0.0.1:7070 --token-file edge-2.token --route-host 10.0.0.2\n  slipway router --metrics 127.0.0.1:9100 --access-log /var/log/slipway/access.log\n  slipway router --upgrade",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runRole(c, func(c *cobra.Command) error { return runRouter(c, o) })
		},
	}
	c.AddCommand(routerTokenCommand())
	c.Flags().StringVar(&o.name, "name", string(localRouter), "name of this router, as in its token")
	c.Flags().StringVar(&o.listen, "route-host", "127.0.0.1", "host that routes listen on")
	c.Flags().StringVar(&o.metrics, "metrics", "", "127.0.0.1:PORT where Prometheus reads metrics; port 0 takes a free one, told in router.json")
	c.Flags().StringVar(&o.accessLog, "access-log", "", "file for one line a request, as JSON; - is standard output")
	c.Flags().IntVar(&o.accessSize, "access-log-size", 64, "MiB at which the access log begins a new file")
	c.Flags().IntVar(&o.accessKeep, "access-log-keep", 5, "files of the access log that are kept besides")
	c.Flags().BoolVar(&o.upgrade, "upgrade", false, "take over from the router that runs, without losing a request")
	c.Flags().BoolVar(&o.heir, "heir", false, "started by --upgrade")
	_ = c.Flags().MarkHidden("heir")
	return c
}

// routerTokenCommand makes a token for a router that runs apart.
func routerTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "token NAME",
		Short:   "Make a token for another router, and print it once",
		Example: "  slipway router token edge-2 >edge-2.token",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := OpenData(dataFlag(c))
			if err != nil {
				return err
			}
			url, token, err := serverAndToken(c, data, data.adminToken())
			if err != nil {
				return err
			}
			made, err := api.New(url, token).AddRouterToken(c.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), made.Token)
			return err
		},
	}
}

func runRouter(c *cobra.Command, o routerOptions) error {
	if err := slipway.RouterID(o.name).Validate(); err != nil {
		return err
	}
	data, err := OpenData(dataFlag(c))
	if err != nil {
		return err
	}
	role := &role{name: "router", data: data, stays: true}
	if o.upgrade && !o.heir {
		if run, err := readRunning(data.roleFile(role.name)); err == nil && run.Process.Alive() {
			return upgradeInBackground(c, role, run)
		}
	}
	config := router.Config{
		ID: slipway.RouterID(o.name), Dir: data.router(), Listen: o.listen, Metrics: o.metrics, Upgrade: o.upgrade, Logger: roleLogger("router"),
	}
	servers, find, token, err := serversAndToken(c, data, data.routerToken())
	if err != nil {
		return err
	}
	config.Server, config.Find, config.Token = servers[0], find, token
	if o.heir {
		config.Serving = func() error { return role.take(os.Args[1:]) }
	}
	log, stop, err := o.openAccessLog(c.Context())
	if err != nil {
		return err
	}
	defer stop()
	config.Access = log
	r, err := router.New(config)
	if err != nil {
		return err
	}
	return r.Run(c.Context())
}

// openAccessLog opens the access log, if one is wanted. stop writes what is left.
func (o routerOptions) openAccessLog(ctx context.Context) (_ *access.Log, stop func(), err error) {
	if o.accessLog == "" {
		return nil, func() {}, nil
	}
	out, closing := os.Stdout, func() {}
	l := access.New(out, roleLogger("router"))
	if o.accessLog != "-" {
		file, err := access.OpenFile(o.accessLog, int64(o.accessSize)<<20, o.accessKeep)
		if err != nil {
			return nil, nil, err
		}
		l, closing = access.New(file, roleLogger("router")), func() { _ = file.Close() }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	return l, func() { cancel(); <-done; closing() }, nil
}

// heirFlags are what a process that takes over is started with besides the
// arguments of its role.
var heirFlags = []string{"--upgrade", "--heir"}

// take makes this process the one that plays the role, before the one that
// played it leaves: the supervisor looks after it from then on.
func (r *role) take(args []string) error {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return slices.Contains(heirFlags, a) })
	return writeJSON(r.data.roleFile(r.name), running{Process: procid.Self(), Args: args})
}
