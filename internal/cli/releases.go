package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

const listed = 20 // rows of a list, unless --limit says otherwise

func (a *app) releasesCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "releases [SERVICE]",
		Short:   "The releases of a service, newest first",
		Example: "  slipway releases thoughts-backend",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Releases(c.Context(), first(args), limit)
			if err != nil {
				return err
			}
			s := a.screen(c)
			switch {
			case len(all) == 0 && len(args) > 0:
				return slipway.Errorf(slipway.NotFound, "there is no release of %q", args[0]).Do("see all: slipway releases")
			case a.json:
				return s.json(all)
			case len(all) == 0:
				return s.line("No releases yet. A pipeline makes them: slipway image publish")
			}
			var t table
			for _, r := range all {
				live := ""
				if len(r.LiveIn) > 0 {
					live = s.paint(green, "● "+strings.Join(r.LiveIn, ", "))
				}
				if !r.PrunedAt.IsZero() {
					live = s.paint(dim, "image removed "+r.PrunedAt.Format(time.DateOnly))
				}
				t.row(s.paint(bold, nameOf(r)), short(r.Commit), cut(one(r.Subject), 40),
					slipway.Digest(r.Image).Short(), r.Build, ago(a.now().Sub(r.CreatedAt))+" ago", live)
			}
			return t.write(s.out)
		},
	}
	c.Flags().IntVar(&limit, "limit", listed, "how many")
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func nameOf(r api.Release) string {
	return slipway.ReleaseName(slipway.ServiceName(r.Service), r.Number)
}

func short(commit string) string { return slipway.Commit(commit).Short() }
