package daemon

import (
	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router"
)

// localRouter is the router that `slipway up` runs.
const localRouter slipway.RouterID = "local"

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
