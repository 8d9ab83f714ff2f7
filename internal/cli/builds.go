package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

func (a *app) buildsCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "builds [REPOSITORY]",
		Short:   "The newest builds",
		Example: "  slipway builds\n  slipway builds thoughts-backend --limit 5",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) ([]api.Build, error) {
				return client.Builds(ctx, first(args), limit)
			}, func(s *screen, all []api.Build) error {
				switch {
				case len(all) == 0 && len(args) > 0:
					return s.line("No builds of %s yet. They come by git push, to a repository with a pipeline.", args[0])
				case len(all) == 0:
					return s.line("No builds yet. In a repository with a pipeline: slipway remote add && git push slipway master")
				}
				var t table
				for _, b := range all {
					t.row(s.paint(bold, slugOf(b)), s.buildState(b.State), one(b.Branch+b.Tag), short(b.Commit), cut(one(b.Subject), 40),
						who(b.Actor), ago(a.now().Sub(b.CreatedAt))+" ago", span(b.StartedAt, b.FinishedAt, a.now()))
				}
				return t.write(s.out)
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", listed, "how many")
	return c
}

func slugOf(b api.Build) string { return fmt.Sprintf("%s/%d", b.Repository, b.Number) }

func (a *app) unblockCommand() *cobra.Command {
	var step string
	c := &cobra.Command{
		Use:     "unblock [REPOSITORY/]NUMBER",
		Short:   "Let a build past its block step",
		Example: "  slipway unblock thoughts-backend/12",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			unblock := func(client *api.Client, ctx context.Context, repository string, number int) (api.Build, error) {
				return client.Unblock(ctx, repository, number, step)
			}
			return a.changeBuild(c, args[0], unblock, func(b api.Build) string {
				return fmt.Sprintf("%s goes on. Watch it: slipway build %s --follow", slugOf(b), slugOf(b))
			})
		},
	}
	c.Flags().StringVar(&step, "step", "", "which block step, when there are several: its key")
	return c
}

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "cancel [REPOSITORY/]NUMBER",
		Short:   "End a build: what runs is stopped, what waits never starts",
		Example: "  slipway cancel thoughts-backend/12",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.changeBuild(c, args[0], (*api.Client).CancelBuild, func(b api.Build) string {
				if slices.ContainsFunc(b.Jobs, func(j api.Job) bool { return j.State == "running" }) {
					return slugOf(b) + " is being cancelled: what runs has 10 s to end"
				}
				return slugOf(b) + " is cancelled"
			})
		},
	}
}

// changeBuild changes the build that an argument names, and says what came of
// it.
func (a *app) changeBuild(c *cobra.Command, arg string, change func(client *api.Client, ctx context.Context, repository string, number int) (api.Build, error), say func(api.Build) string) error {
	repository, number, err := slug(c.Context(), arg)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	b, err := change(client, c.Context(), repository, number)
	if err != nil {
		return err
	}
	s := a.screen(c)
	if a.json {
		return s.json(b)
	}
	return s.line("%s", say(b))
}
