package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/manifest"
)

func (a *app) deployCommand() *cobra.Command {
	var plan, older, replace bool
	var override func() (string, error)
	c := &cobra.Command{
		Use:   "deploy ENV [SERVICE[@RELEASE]]",
		Short: "Move a service to a release, and watch it",
		Long: "Moves a service to a release and shows how it goes; fails when it did not succeed.\n\n" +
			"Without SERVICE: the one of the nearest slipway.yaml upward. Without RELEASE: in a job the one its build\n" +
			"published, else the newest that is live in the environment before.\n\n" +
			"A release that is older than the live one needs --older; to go back to what served before there is slipway rollback.",
		Example: "  slipway deploy prod\n  slipway deploy prod thoughts-backend@14 --plan\n  slipway deploy prod thoughts-backend@15 --replace",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			d := api.CreateDeployment{Environment: args[0], Kind: string(slipway.KindDeploy), Older: older, Replace: replace}
			var err error
			if d.Override, err = override(); err != nil {
				return err
			}
			if len(args) == 2 {
				d.Service, d.Release, err = serviceRelease(args[1])
			} else {
				d.Service, err = nearestService()
			}
			if err != nil {
				return err
			}
			if !plan {
				return a.deploy(c, d)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.plan(c.Context(), a.screen(c), client, d)
		},
	}
	override = overriding(c, "a freeze, as an admin")
	f := c.Flags()
	f.BoolVar(&plan, "plan", false, "print the schedule, and what the gates say now; nothing moves")
	f.BoolVar(&older, "older", false, "also a release that is older than the live one")
	f.BoolVar(&replace, "replace", false, "what moves the service goes back at once, and this one starts when it is gone")
	return c
}

func (a *app) rollbackCommand() *cobra.Command {
	var to string
	var override func() (string, error)
	c := &cobra.Command{
		Use:     "rollback SERVICE ENV",
		Short:   "Return a service to an earlier release",
		Long:    "Returns a service to the release that served before, or with --to to any earlier one.\n\nWhile a deployment moves this aborts it: it goes straight back to what serves.",
		Example: "  slipway rollback thoughts-backend prod\n  slipway rollback thoughts-backend prod --to 12",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			d := api.CreateDeployment{Service: args[0], Environment: args[1], Kind: string(slipway.KindRollback)}
			var err error
			if d.Override, err = override(); err != nil {
				return err
			}
			if to != "" {
				n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimPrefix(to, args[0]), "@"))
				if err != nil || n < 1 {
					return slipway.Errorf(slipway.Invalid, "--to must be the number of a release, not %q", to).
						Do("see them: slipway releases %s", args[0])
				}
				d.Release = n
			}
			return a.deploy(c, d)
		},
	}
	override = overriding(c, "a lock")
	c.Flags().StringVar(&to, "to", "", "number of the release to return to")
	return c
}

func (a *app) restartCommand() *cobra.Command {
	var override func() (string, error)
	c := &cobra.Command{
		Use:     "restart SERVICE ENV",
		Short:   "Replace the instances of a service by new ones of the same release",
		Example: "  slipway restart thoughts-backend prod\n  slipway restart thoughts-backend prod --override --why 'it leaks, and nobody deploys today'",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			why, err := override()
			if err != nil {
				return err
			}
			return a.deploy(c, api.CreateDeployment{Service: args[0], Environment: args[1], Kind: string(slipway.KindRestart), Override: why})
		},
	}
	override = overriding(c, "a freeze, as an admin")
	return c
}

func (a *app) abortCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "abort DEPLOYMENT | SERVICE ENV",
		Short:   "Make a running deployment return to what served before",
		Example: "  slipway abort 77\n  slipway abort thoughts-backend prod",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, meant(args, (*api.Client).Abort), func(s *screen, d api.Deployment) error {
				if d.From == 0 {
					return s.line("deployment %d takes %s away from %s, where nothing served before. %s", d.ID, d.Service, d.Environment, d.URL)
				}
				return s.line("deployment %d returns %s %s to %s. %s", d.ID, d.Service, d.Environment, release(d.From), d.URL)
			})
		},
	}
}

func (a *app) promoteCommand() *cobra.Command {
	var ask api.Promote
	c := &cobra.Command{
		Use:   "promote DEPLOYMENT | SERVICE ENV",
		Short: "Let a canary go on without the rest of its hold and its evidence",
		Long: "Lets the weight that a deployment is at pass, without the rest of its hold and whatever the evidence says so far.\n\n" +
			"One weight at a time: at the next one the evidence counts again. Who did it, and on what evidence, is written down.",
		Example: "  slipway promote thoughts-backend prod --why 'the errors are those of the outage'",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			promote := func(client *api.Client, ctx context.Context, id int64) (api.Deployment, error) {
				return client.Promote(ctx, id, ask)
			}
			return present(a, c, meant(args, promote), func(s *screen, d api.Deployment) error {
				return s.line("deployment %d goes on with %s %s. %s", d.ID, d.Service, release(d.Release), d.URL)
			})
		},
	}
	c.Flags().StringVar(&ask.Why, "why", "", "the reason, for those who read it later")
	c.Flags().IntVar(&ask.Stage, "stage", 0, "only this stage, from 1, as slipway deployment shows them; 0 is the one that it is in")
	return c
}

// meant makes a call about the deployment that a person means.
func meant(args []string, call func(*api.Client, context.Context, int64) (api.Deployment, error)) func(*api.Client, context.Context) (api.Deployment, error) {
	return func(client *api.Client, ctx context.Context) (api.Deployment, error) {
		id, err := moving(ctx, client, args)
		if err != nil {
			return api.Deployment{}, err
		}
		return call(client, ctx, id)
	}
}

// moving is the deployment that a person means by its number or its target.
func moving(ctx context.Context, client *api.Client, args []string) (int64, error) {
	if len(args) == 1 {
		return deploymentNumber(args[0])
	}
	t, err := client.Target(ctx, args[0], args[1])
	switch {
	case err != nil:
		return 0, err
	case t.Moving == nil:
		return 0, slipway.Errorf(slipway.Conflict, "nothing moves %s in %s", args[0], args[1])
	}
	return t.Moving.ID, nil
}

func deploymentNumber(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, slipway.Errorf(slipway.Invalid, "%q is not the number of a deployment", s).Do("see what moves and what waits: slipway status")
	}
	return id, nil
}

// serviceRelease reads SERVICE or SERVICE@RELEASE.
func serviceRelease(s string) (service string, release int, err error) {
	service, number, found := strings.Cut(s, "@")
	if found {
		release, err = strconv.Atoi(number)
		if err != nil || release < 1 {
			return "", 0, slipway.Errorf(slipway.Invalid, "%q is not a release; write %s@NUMBER", s, service).
				Do("see them: slipway releases %s", service)
		}
	}
	return service, release, slipway.ServiceName(service).Validate()
}

func nearestService() (string, error) {
	m, _, _, err := nearestManifest("")
	return string(m.Service), err
}

// nearestManifest reads the nearest slipway.yaml upward, which must be of
// service unless that is "".
func nearestManifest(service string) (m slipway.Manifest, file string, text []byte, err error) {
	dir, err := os.Getwd()
	if err == nil {
		file, err = manifest.Find(dir)
	}
	if err == nil {
		m, text, err = manifest.Load(file)
	}
	if err == nil && service != "" && string(m.Service) != service {
		err = slipway.Errorf(slipway.NotFound, "no service %q here; %s is of %s", service, file, m.Service)
	}
	return m, file, text, err
}

// deploy asks for a deployment and shows it until it has ended.
func (a *app) deploy(c *cobra.Command, ask api.CreateDeployment) error {
	p, err := a.place()
	if err != nil {
		return err
	}
	client := api.New(p.url, p.token)
	if !p.job {
		ask.Key = rand.Text() // so that asking again, when the answer got lost, deploys once
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt)
	defer stop()
	d, err := askFor(ctx, client, ask, p.job)
	if err != nil {
		return err
	}
	return a.watchToEnd(ctx, c, client, d, ask.Kind)
}

// watchToEnd shows d, which was got by asking for kind, until it has ended. It
// fails when that is not what was asked for.
func (a *app) watchToEnd(ctx context.Context, c *cobra.Command, client *api.Client, d api.Deployment, kind string) error {
	d, err := a.watch(ctx, a.screen(c), client, d)
	switch {
	case errors.Is(err, context.Canceled):
		return slipway.Errorf(slipway.Conflict, "you stopped watching; deployment %d goes on", d.ID).
			Do("look at it: %s · end it: slipway abort %d", d.URL, d.ID)
	case err != nil:
		return err
	case d.Phase == string(slipway.Succeeded), returned(kind, d):
		return nil
	}
	return errFailed
}

// returned reports whether a rollback came true by another deployment's end: it
// was moving, and went back.
func returned(kind string, d api.Deployment) bool {
	back := d.Phase == string(slipway.RolledBack) || d.Phase == string(slipway.Cancelled) || d.Phase == string(slipway.Failed)
	return kind == string(slipway.KindRollback) && d.Kind != kind && back
}

// askFor asks for a deployment; in a job also of a server that restarts.
func askFor(ctx context.Context, client *api.Client, ask api.CreateDeployment, job bool) (api.Deployment, error) {
	wait := patience{limit: awayFor}
	if !job {
		wait.limit = 0
	}
	for {
		d, err := client.Deploy(ctx, ask)
		if err == nil {
			return d, nil
		}
		if err := wait.again(ctx, err); err != nil {
			return d, err
		}
	}
}
