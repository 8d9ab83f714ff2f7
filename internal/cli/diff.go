package cli

import (
	"context"
	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "diff ENV ENV",
		Short:   "Where two environments differ",
		Long:    "Shows where two environments differ: in what is declared of them, and service by service in what serves: its release,\nits scale, how deployments move it, its variables, the versions of its secrets.",
		Example: "  slipway diff test prod",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) (api.EnvironmentDiff, error) {
				return client.Diff(ctx, args[0], args[1])
			}, (*screen).diff)
		},
	}
}

func (s *screen) diff(d api.EnvironmentDiff) error {
	var t table
	t.row("", "", s.paint(bold, d.From), s.paint(bold, d.To))
	rows := func(name string, all []api.Difference) {
		for i, x := range all {
			if i > 0 {
				name = ""
			}
			t.row(s.paint(bold, name), x.Name, cut(orNone(x.From), 40), cut(orNone(x.To), 40))
		}
		if len(all) == 0 {
			t.row(s.paint(bold, name), "the same")
		}
	}
	rows("(declared)", d.Differences)
	for _, service := range d.Services {
		rows(service.Service, service.Differences)
	}
	return t.write(s.out)
}
