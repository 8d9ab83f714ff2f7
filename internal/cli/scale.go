package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) scaleCommand() *cobra.Command {
	var written bool
	c := &cobra.Command{
		Use:   "scale SERVICE ENV (N | --manifest)",
		Short: "Run more instances of a service, or fewer",
		Long: "Asks for N instances of a service in an environment, now and of every later deployment. A deployment that moves\n" +
			"goes on to the new number. --manifest gives back the number that slipway.yaml has.",
		Example: "  slipway scale thoughts-backend prod 5\n  slipway scale thoughts-backend prod --manifest",
		Args:    between(2, 3),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := wanted(args[2:], written)
			if err != nil {
				return err
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Target, error) {
				return client.Scale(ctx, args[0], args[1], n)
			}, func(s *screen, _ api.Target) error {
				if n == 0 {
					return s.line("%s in %s has as many instances as its manifest says. See: slipway status %s", args[0], args[1], args[0])
				}
				return s.line("%s in %s gets %s. See: slipway status %s", args[0], args[1], count(n, "instance"), args[0])
			})
		},
	}
	c.Flags().BoolVar(&written, "manifest", false, "as many as slipway.yaml says")
	return c
}

// wanted is the number of instances that was typed; 0 is the manifest's.
func wanted(args []string, written bool) (int, error) {
	switch {
	case written && len(args) == 0:
		return 0, nil
	case written || len(args) == 0:
		return 0, slipway.Errorf(slipway.Invalid, "slipway scale: give either a number of instances or --manifest").
			Do("for example: slipway scale thoughts-backend prod 5")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > slipway.MaxReplicas {
		return 0, slipway.Errorf(slipway.Invalid, "%q is not a number of instances from 1 to %d", args[0], slipway.MaxReplicas).
			Do("to run none at all: slipway services rm SERVICE ENV")
	}
	return n, nil
}
