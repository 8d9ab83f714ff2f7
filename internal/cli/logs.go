package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// everyLine is how many lines are asked for when a time says how many it is to
// be: as many as the server gives.
const everyLine = 10000

func (a *app) logsCommand() *cobra.Command {
	var q api.OutputQuery
	var since string
	var deployment int64
	c := &cobra.Command{
		Use:   "logs SERVICE ENV | logs --deployment N",
		Short: "What the instances of a service print, or the tests before traffic of a deployment",
		Long: "Shows what the instances print, each line with the name of its instance; with --follow, of those that come later, too.\n" +
			"What an instance printed is kept when it is gone: --instance names it, --since shows all of that time.",
		Example: "  slipway logs thoughts-backend prod --follow\n" +
			"  slipway logs thoughts-backend prod --instance i-7f2a90 --tail 20\n" +
			"  slipway logs thoughts-backend prod --since 1h\n" +
			"  slipway logs --deployment 77",
		Args: between(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			err := between(2, 2)(c, args)
			if c.Flags().Changed("deployment") {
				err = ofDeployment(c, args, deployment)
			}
			if err != nil {
				return err
			}
			if q.Since, err = longAgo(since, time.Now()); err != nil {
				return err
			}
			if since != "" && !c.Flags().Changed("tail") {
				q.Tail = everyLine
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			s := a.screen(c)
			if deployment != 0 {
				return errors.Join(testsLog(c.Context(), s, client, deployment, q.Follow), s.endColour())
			}
			err = instanceLogs(c.Context(), s, client, args[0], args[1], q, a.json)
			return errors.Join(err, s.endColour())
		},
	}
	f := c.Flags()
	f.StringVar(&q.Instance, "instance", "", "of one instance only, which may be gone")
	f.IntVar(&q.Tail, "tail", 100, "how many lines of each from before now")
	f.StringVar(&since, "since", "", "nothing older: a time span such as 10m, or a time such as 2026-03-01T09:30:00Z")
	f.Int64Var(&deployment, "deployment", 0, "number of a deployment: the log of its tests before traffic")
	f.BoolVar(&q.Follow, "follow", false, "wait for more, of new instances as well")
	return c
}

// ofDeployment checks that the tests of a deployment are asked for, and nothing
// besides.
func ofDeployment(c *cobra.Command, args []string, id int64) error {
	switch {
	case id < 1:
		return slipway.Errorf(slipway.Invalid, "%d is not the number of a deployment", id)
	case len(args) > 0:
		return slipway.Errorf(slipway.Invalid, "give either a service and its environment or --deployment")
	}
	for _, other := range []string{"instance", "tail", "since"} {
		if c.Flags().Changed(other) {
			return slipway.Errorf(slipway.Invalid, "--%s is for instances; the log of tests is shown whole", other)
		}
	}
	return nil
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
	if _, err = copyLog(ctx, client, s.strangers(), d.Tests.Job, 0, follow); ctx.Err() != nil {
		return nil // a person has seen enough
	}
	return err
}

// longAgo reads a time, or how long ago it is; "" is the zero time.
func longAgo(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, slipway.Errorf(slipway.Invalid, "--since must be a time span such as 10m, or a time such as 2026-03-01T09:30:00Z, not %q", text)
}

func instanceLogs(ctx context.Context, s *screen, client *api.Client, service, env string, q api.OutputQuery, asJSON bool) error {
	log, err := client.Output(ctx, service, env, q)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if asJSON {
		err = s.printed(log, q.Instance)
	} else {
		_, err = io.Copy(s.strangers(), log)
	}
	switch {
	case ctx.Err() != nil:
		return nil // a person has seen enough
	case err != nil:
		return slipway.Errorf(slipway.Unavailable, "the log broke off: %w", err)
	}
	return nil
}

// printed writes lines as objects. Without an instance each line begins with
// whose it is.
func (s *screen) printed(log io.Reader, instance string) error {
	type line struct {
		Instance string `json:"instance"`
		Text     string `json:"text"`
	}
	lines := bufio.NewReader(log)
	for {
		text, err := lines.ReadString('\n')
		if text != "" {
			l := line{instance, strings.TrimSuffix(text, "\n")}
			if instance == "" {
				l.Instance, l.Text, _ = strings.Cut(l.Text, "  ")
			}
			if err := s.json(l); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
