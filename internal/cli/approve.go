package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) approveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "approve DEPLOYMENT",
		Short: "Agree to a deployment that waits for it",
		Long: "Agrees to a deployment of an environment that asks for approvals. You approve the image that it would start;\n" +
			"another one needs another approval.",
		Example: "  slipway approve 77",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := deploymentNumber(args[0])
			if err != nil {
				return err
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Deployment, error) {
				return client.Approve(ctx, id)
			}, func(s *screen, d api.Deployment) error {
				return s.line("you approved deployment %d, %s to %s. %s", d.ID, slipway.ReleaseName(slipway.ServiceName(d.Service), d.Release), d.Environment, d.URL)
			})
		},
	}
}

// overriding adds the flags that go over gates, and returns what checks them.
func overriding(c *cobra.Command, over string) func() (why string, err error) {
	var override bool
	var why string
	c.Flags().BoolVar(&override, "override", false, "start it over "+over+"; needs --why")
	c.Flags().StringVar(&why, "why", "", "why it is overridden, for all to read")
	return func() (string, error) {
		switch {
		case override && why == "":
			return "", slipway.Errorf(slipway.Invalid, "others will ask why it was overridden").Do("say it: --override --why TEXT")
		case !override && why != "":
			return "", slipway.Errorf(slipway.Invalid, "--why goes with --override")
		}
		return why, nil
	}
}
