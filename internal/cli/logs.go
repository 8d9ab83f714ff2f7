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
	var deployment int64
	c := &cobra.Command{
		Use:     "logs SERVICE ENV | logs --deployment N",
		Short:   "What the instances of a service print, or the tests before traffic of a deployment",
		Example: "  slipway logs thoughts-backend prod --follow\n  slipway logs thoughts-backend prod --instance i-7f2a90 --tail 20\n  slipway logs --deployment 77",
		Args:    between(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s := a.screen(c)
			if deployment != 0 {
				return errors.Join(testsLog(c.Context(), s, client, deployment, follow), s.endColour())
			}
			if err := between(2, 2)(c, args); err != nil {
				return err
			}
			err = instanceLogs(c.Context(), s, client, args[0], args[1], instance, tail, follow)
			return errors.Join(err, s.endColour())
		},
	}
	f := c.Flags()
	f.StringVar(&instance, "instance", "", "of one instance only")
	f.IntVar(&tail, "tail", 100, "how many lines from before now")
	f.Int64Var(&deployment, "deployment", 0, "number of a deployment: the log of its tests before traffic")
	f.BoolVar(&follow, "follow", false, "wait for more")
	return c
}

// testsLog prints the log of the tests before traffic of a deployment.
func testsLog(ctx context.Context, s *screen, client *api.Client, id int64, follow bool) error {
	d, err := client.Deployment(ctx, id)
	switch {
	case err != nil:
		return err
	case d.Tests == nil:
		return slipway.Errorf(slipway.NotFound, "deployment %d has no tests before traffic", id).
			Do("what its instances print: slipway logs %s %s", d.Service, d.Environment)
	case d.Tests.Job == "":
		return slipway.Errorf(slipway.Conflict, "the tests before traffic of deployment %d have not been asked for yet", id).Do("watch it: %s", d.URL)
	}
	log, err := client.JobLog(ctx, d.Tests.Job, 0, follow)
	if err != nil {
		return err
	}
	return showLog(ctx, s, log)
}

func instanceLogs(ctx context.Context, s *screen, client *api.Client, service, env, instance string, tail int, follow bool) error {
	log, err := client.Logs(ctx, service, env, instance, tail, follow)
	if err != nil {
		return err
	}
	return showLog(ctx, s, log)
}

// showLog prints a log, which others wrote, to its end.
func showLog(ctx context.Context, s *screen, log io.ReadCloser) error {
	defer func() { _ = log.Close() }()
	_, err := io.Copy(s.strangers(), log)
	switch {
	case ctx.Err() != nil:
		return nil // a person has seen enough
	case err != nil:
		return slipway.Errorf(slipway.Unavailable, "the log broke off: %w", err)
	}
	return nil
}
