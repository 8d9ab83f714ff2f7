package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

func (a *app) pruneCommand() *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove what is not kept: images of old releases, old logs, events and evidence",
		Long: "Removes what is not kept, as the server does once a day by itself. Kept are the images of the newest releases of each\n" +
			"service, of all that are young, and of all that run somewhere or were deployed last; logs, events and evidence for half a year;\n" +
			"and those of releases that are kept. A release whose image is gone stays in the list. What to keep is said when the\n" +
			"server starts: slipway up --keep releases=20,age=30d,deployments=10,logs=180d,agents=30d",
		Example: "  slipway prune --dry-run\n  slipway prune",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Pruned, error) {
				return client.Prune(ctx, dry)
			}, func(s *screen, p api.Pruned) error {
				return a.printPruned(s, p)
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return c
}

func (a *app) printPruned(s *screen, p api.Pruned) error {
	removed := "removed"
	if p.DryRun {
		removed = "would be removed"
	}
	var t table
	for _, r := range p.Releases {
		t.row(s.paint(bold, nameOf(api.Release{Service: r.Service, Number: r.Number})), "its image "+removed, "published "+ago(a.now().Sub(r.CreatedAt))+" ago")
	}
	for _, row := range []struct {
		n    int
		what string
	}{
		{p.Images, "manifest"}, {p.Tags, "tag"}, {p.Blobs, "blob"}, {p.Trees, "unpacked image"},
		{p.Logs, "log"}, {p.Events, "event"}, {p.Agents, "agent"},
	} {
		if row.n > 0 {
			t.row(count(row.n, row.what), removed)
		}
	}
	if p.Evidence > 0 {
		t.row("evidence of "+count(p.Evidence, "deployment"), removed)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if err := s.line("%s", pruneSummary(p)); err != nil || !p.More {
		return err
	}
	return s.line("There is more than one call takes: slipway prune")
}

func pruneSummary(p api.Pruned) string {
	kept := fmt.Sprintf("Kept are %s of each service, those younger than %s, and %s of each target; logs, events and evidence for %s.",
		count(p.Keep.Releases, "release"), ago(milliseconds(p.Keep.AgeMS)), count(p.Keep.Deployments, "revision"), ago(milliseconds(p.Keep.LogsMS)))
	freed := fmt.Sprintf("%.1f MiB", float64(p.Bytes)/(1<<20))
	switch {
	case len(p.Releases)+p.Images+p.Tags+p.Blobs+p.Trees+p.Logs+p.Events+p.Evidence+p.Agents == 0:
		return "Everything there is is kept. " + kept
	case p.DryRun:
		return freed + " would be freed. " + kept
	}
	return freed + " freed. " + kept
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
