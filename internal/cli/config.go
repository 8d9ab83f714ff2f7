package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "What an environment sets for a service",
		Long: "Variables that an environment sets for a service, over those of slipway.yaml. They are part of what is deployed:\n" +
			"to set one is to deploy what serves once more, and going back undoes it. For what nobody may see: slipway secret.",
		Example: "  slipway config set thoughts-backend prod LOG_LEVEL=debug\n  slipway config list thoughts-backend prod",
	}
	c.AddCommand(a.configSetCommand(), a.configUnsetCommand(), a.configListCommand())
	return parent(c)
}

const laterUsage = "keep it for the next deployment, and deploy nothing now"

func (a *app) configSetCommand() *cobra.Command {
	var later bool
	c := &cobra.Command{
		Use:     "set SERVICE ENV KEY=VALUE…",
		Short:   "Set variables, and deploy what serves with them",
		Example: "  slipway config set thoughts-backend prod LOG_LEVEL=debug CACHE=on\n  slipway config set thoughts-backend prod LOG_LEVEL=info --later",
		Args:    between(3, 2+slipway.MaxSettings),
		RunE: func(c *cobra.Command, args []string) error {
			change := api.ChangeSettings{Set: map[string]string{}, Later: later}
			for _, arg := range args[2:] {
				key, value, ok := strings.Cut(arg, "=")
				if !ok {
					return slipway.Errorf(slipway.Invalid, "%q sets nothing; write KEY=VALUE", arg)
				}
				if err := slipway.ValidateVariable(key); err != nil {
					return err
				}
				if _, twice := change.Set[key]; twice {
					return slipway.Errorf(slipway.Invalid, "%s is there twice", key)
				}
				change.Set[key] = value
			}
			return a.changeConfig(c, args[0], args[1], change)
		},
	}
	c.Flags().BoolVar(&later, "later", false, laterUsage)
	return c
}

func (a *app) configUnsetCommand() *cobra.Command {
	var later bool
	c := &cobra.Command{
		Use:     "unset SERVICE ENV KEY…",
		Short:   "Take variables away, and deploy what serves without them",
		Long:    "Takes variables away that were set; those of slipway.yaml count again. Then deploys what serves.",
		Example: "  slipway config unset thoughts-backend prod CACHE",
		Args:    between(3, 2+slipway.MaxSettings),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeConfig(c, args[0], args[1], api.ChangeSettings{Unset: args[2:], Later: later})
		},
	}
	c.Flags().BoolVar(&later, "later", false, laterUsage)
	return c
}

func (a *app) changeConfig(c *cobra.Command, service, env string, change api.ChangeSettings) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	change.Key = rand.Text()
	got, err := client.ChangeSettings(c.Context(), service, env, change)
	if err != nil {
		return err
	}
	verb := "is kept"
	if !got.Changed {
		verb = "is as it was"
	}
	said := fmt.Sprintf("version %d of the configuration of %s in %s %s", got.Version, got.Service, got.Environment, verb)
	return a.takenUp(c, client, got, said, got.Why, got.Deployment)
}

// takenUp shows what was set, with why no deployment takes it up, or the one that
// does until it has ended.
func (a *app) takenUp(c *cobra.Command, client *api.Client, got any, said, why string, d *api.Deployment) error {
	s := a.screen(c)
	if why != "" {
		said += "; " + why
	}
	show := func() error { return s.line("%s", said) }
	if a.json {
		show = func() error { return s.json(got) }
	}
	if err := show(); err != nil || d == nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt)
	defer stop()
	return a.watchToEnd(ctx, c, client, *d, d.Kind)
}

func (a *app) configListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list SERVICE ENV",
		Short:   "What is set, since when, and who set it",
		Example: "  slipway config list thoughts-backend prod",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) ([]api.Settings, error) {
				return client.SettingsHistory(ctx, args[0], args[1])
			}, func(s *screen, all []api.Settings) error {
				return a.showConfig(s, args[0], args[1], all)
			})
		},
	}
}

// showConfig shows the newest version, then who made each.
func (a *app) showConfig(s *screen, service, env string, all []api.Settings) error {
	if len(all) == 0 {
		return s.line("Nothing is set for %s in %s. Set something: slipway config set %s %s KEY=VALUE", service, env, service, env)
	}
	var values table
	for _, key := range slices.Sorted(maps.Keys(all[0].Values)) {
		values.row(s.paint(bold, key), one(all[0].Values[key]))
	}
	if err := values.write(s.out); err != nil {
		return err
	}
	if len(all[0].Values) > 0 {
		if err := s.line(""); err != nil {
			return err
		}
	}
	var versions table
	for _, v := range all {
		live := ""
		if v.Live {
			live = s.paint(green, "● live")
		}
		versions.row(s.paint(dim, "version "+number(v.Version)), ago(a.now().Sub(*v.At))+" ago", "by "+who(*v.Actor), live)
	}
	return versions.write(s.out)
}
