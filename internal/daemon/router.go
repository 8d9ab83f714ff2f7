package daemon

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/router"
)

// localRouter is the router that `slipway up` runs.
const localRouter slipway.RouterID = "local"

func routerCommand() *cobra.Command {
	var listen, id string
	c := &cobra.Command{
		Use:   "router",
		Short: "Run the router alone: the data plane of one machine",
		Long: `Run the router alone: the data plane of one machine. There may be several, each with a name, a token and a
data directory of its own, on machines of their own or on addresses of their own: "slipway router token NAME" makes the token.`,
		Example: "  slipway router\n  slipway router --name edge-2 --data ~/edge-2 --server http://10.0.0.1:7070 --token-file edge-2.token --route-host 10.0.0.2",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runRole(c, func(c *cobra.Command) error { return runRouter(c, slipway.RouterID(id), listen) })
		},
	}
	c.AddCommand(routerTokenCommand())
	c.Flags().StringVar(&id, "name", string(localRouter), "name of this router, as in its token")
	c.Flags().StringVar(&listen, "route-host", "127.0.0.1", "host that routes listen on")
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

func runRouter(c *cobra.Command, id slipway.RouterID, listen string) error {
	if err := id.Validate(); err != nil {
		return err
	}
	data, err := OpenData(dataFlag(c))
	if err != nil {
		return err
	}
	url, token, err := serverAndToken(c, data, data.routerToken())
	if err != nil {
		return err
	}
	r, err := router.New(router.Config{
		ID: id, Dir: data.router(), Server: url, Token: token, Listen: listen, Logger: roleLogger("router"),
	})
	if err != nil {
		return err
	}
	return r.Run(c.Context())
}
