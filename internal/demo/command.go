package demo

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Command is `slipway demo`.
func Command() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch three services go from git push to production",
		Long: "Brings up a fresh Slipway in a temporary directory and plays its main job with three example services: pushes,\n" +
			"deployments under load, a release that is refused, a rollback, a server that is killed. It needs Go and git, and\n" +
			"cleans up after itself.",
		Example: "  slipway demo\n  slipway demo --yes --json\n  slipway demo --keep",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			exe, err := os.Executable()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.Exe, o.In, o.Out = exe, c.InOrStdin(), c.OutOrStdout()
			o.JSON, _ = c.Flags().GetBool("json")
			return Run(ctx, o)
		},
	}
	c.Flags().BoolVar(&o.Yes, "yes", false, "do not ask before a release goes to production")
	c.Flags().BoolVar(&o.Keep, "keep", false, "leave everything running at the end")
	return c
}
