package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
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
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return slipway.Errorf(slipway.Invalid, "%q is not the number of a deployment", args[0]).Do("see what waits: slipway status")
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.Approve(c.Context(), id)
			if err != nil {
				return err
			}
			s := a.screen(c)
			if a.json {
				return s.json(d)
			}
			return s.line("you approved deployment %d, %s to %s. %s", d.ID, slipway.ReleaseName(slipway.ServiceName(d.Service), d.Release), d.Environment, d.URL)
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
