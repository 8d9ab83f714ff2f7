package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) logsCommand() *cobra.Command {
	var instance string
	var tail int
	var follow bool
	c := &cobra.Command{
		Use:     "logs SERVICE ENV",
		Short:   "What the instances of a service print",
		Example: "  slipway logs thoughts-backend prod --follow\n  slipway logs thoughts-backend prod --instance i-7f2a90 --tail 20",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s := a.screen(c)
			err = instanceLogs(c.Context(), s, client, args[0], args[1], instance, tail, follow)
			return errors.Join(err, s.endColour())
		},
	}
	f := c.Flags()
	f.StringVar(&instance, "instance", "", "of one instance only")
	f.IntVar(&tail, "tail", 100, "how many lines from before now")
	f.BoolVar(&follow, "follow", false, "wait for more")
	return c
}

func instanceLogs(ctx context.Context, s *screen, client *api.Client, service, env, instance string, tail int, follow bool) error {
	log, err := client.Logs(ctx, service, env, instance, tail, follow)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	_, err = io.Copy(s.strangers(), log)
	switch {
	case ctx.Err() != nil:
		return nil // a person has seen enough
	case err != nil:
		return slipway.Errorf(slipway.Unavailable, "the log broke off: %w", err)
	}
	return nil
}
