package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

func (a *app) deploymentCommand() *cobra.Command {
	var keep evidenceFiles
	c := &cobra.Command{
		Use:   "deployment NUMBER | SERVICE ENV",
		Short: "One deployment: its stages, its gates, and why",
		Long: "Shows one deployment as it is now: its schedule, what its gates and the evidence say, and every decision with its time.\nA service in an environment names the one that moves it.\n" +
			"What a candidate is judged by can be kept: as a picture, and as the counts of each look, which slipway canary replay reads.\nThese are requests and errors alone; the verdict is by cells of 8 requests, and by latency, refusals and logs besides.",
		Example: "  slipway deployment 77\n  slipway deployment thoughts-backend prod --json\n  slipway deployment 77 --picture why.svg\n  slipway deployment 77 --counts - | slipway canary replay -",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if keep != (evidenceFiles{}) {
				return a.keepEvidence(c, args, keep)
			}
			return present(a, c, meant(args, (*api.Client).Deployment), func(s *screen, d api.Deployment) error {
				return s.deployment(d, a.now())
			})
		},
	}
	c.Flags().StringVar(&keep.picture, "picture", "", "write a picture of the evidence to a `FILE`, as SVG; - prints it")
	c.Flags().StringVar(&keep.counts, "counts", "", "write requests and failures of each look to a `FILE`, as lines nC,xC,nB,xB; - prints them")
	return c
}

// deployment shows all of one: how far it is, what its gates say, its schedule,
// and every decision.
func (s *screen) deployment(d api.Deployment, now time.Time) error {
	lines := []string{newProgress(s, d).head(d), "  " + strings.Join(s.circumstances(d, now), "   ")}
	lines = append(lines, s.gates(d)...)
	for i, stage := range d.Stages {
		line := fmt.Sprintf("  %s %s  %3d new  %3d old", newProgress(s, d).mark(d, i), pad(stage.Title, titles(d.Stages)), stage.New, stage.Old)
		if stage.HoldMS > 0 {
			line += "   hold " + lasting(stage.HoldMS)
		}
		if held := holding(d, now); held != "" && i == d.At {
			line += "   now: " + held
		}
		lines = append(lines, line)
		if i == d.At {
			lines = append(lines, s.judged(d)...)
		}
	}
	lines = append(lines, s.testing(d)...)
	what := "why"
	for _, w := range d.Why {
		if !outcome(w) { // which the ending tells
			lines = append(lines, fmt.Sprintf("  %s   %s  %s", pad(what, 3), s.paint(dim, clock(w.At)), one(w.Text)))
			what = ""
		}
	}
	if d.Ended {
		lines = append(lines, s.ending(d)...)
	}
	for _, line := range lines {
		if err := s.line("%s", trimRight(line)); err != nil {
			return err
		}
	}
	return nil
}

// circumstances are what a deployment is, since when, and for which build.
func (s *screen) circumstances(d api.Deployment, now time.Time) []string {
	facts := []string{fmt.Sprintf("%s %d", d.Kind, d.ID), where(d), ago(now.Sub(d.CreatedAt)) + " ago"}
	if d.Ended {
		facts[1] = verb(d.Phase)
	}
	if d.Build != "" {
		facts = append(facts, "build "+d.Build)
	}
	return facts
}

// gates lists what each gate says.
func (s *screen) gates(d api.Deployment) []string {
	var lines []string
	for _, g := range slices.Concat(d.Passed, d.Gates) {
		if !bySelf(d, g.Gate) {
			lines = append(lines, fmt.Sprintf("  %s gate %s  %s", s.gateMark(g.State), pad(g.Gate, 8), one(g.Why)))
		}
	}
	return lines
}

// titles is how wide the widest title of stages is.
func titles(stages []api.Stage) int {
	width := 0
	for _, stage := range stages {
		width = max(width, wide(stage.Title))
	}
	return width
}
