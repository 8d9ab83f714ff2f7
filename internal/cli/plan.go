package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/api"
)

// plan prints what a deployment would do: nothing moves.
func (a *app) plan(ctx context.Context, s *screen, client *api.Client, ask api.CreateDeployment) error {
	p, err := client.Plan(ctx, ask)
	if err != nil {
		return err
	}
	if a.json {
		return s.json(p)
	}
	for _, line := range s.planned(p) {
		if err := s.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

func (s *screen) planned(p api.Plan) []string {
	moves := fromTo(api.Deployment{From: p.From, Release: p.Release})
	lines := []string{fmt.Sprintf("%s  %s  %s   %s, %s   %s", s.paint(bold, p.Service), s.paint(bold, p.Environment), moves,
		p.Strategy, count(p.Want, "instance"), s.paint(dim, "(a plan: nothing moves)"))}
	if p.Text != "" {
		lines = append(lines, "  "+one(p.Text))
	}
	for i, g := range p.Gates {
		head := "gates"
		if i > 0 {
			head = ""
		}
		lines = append(lines, trimRight(fmt.Sprintf("  %s %s %s  %s", pad(head, 7), s.gateMark(g.State), pad(g.Gate, 8), one(g.Why))))
	}
	lines = append(lines, s.plannedStages(p)...)
	for _, limit := range p.Limits {
		lines = append(lines, "  "+s.paint(dim, "note    "+one(limit)))
	}
	return lines
}

func (s *screen) plannedStages(p api.Plan) []string {
	width := 0
	for _, stage := range p.Stages {
		width = max(width, wide(stage.Title))
	}
	var lines []string
	for i, stage := range p.Stages {
		line := fmt.Sprintf("  %s %s  %3d new  %3d old", circled(i+1), pad(stage.Title, width), stage.New, stage.Old)
		if more := s.asks(p, i); len(more) > 0 {
			line += "   " + strings.Join(more, ", ")
		}
		lines = append(lines, line)
	}
	return lines
}

// asks is what a stage asks for beyond instances.
func (s *screen) asks(p api.Plan, i int) []string {
	stage := p.Stages[i]
	var more []string
	if stage.Order == "vacate" && (i == 0 || p.Stages[i-1].Old > stage.Old) {
		more = append(more, "old ones make room first")
	}
	if stage.Order == "alone" {
		more = append(more, "the old ones end before the new ones start")
	}
	if stage.Tests && p.Tests != nil {
		more = append(more, fmt.Sprintf("%s on queue %s, within %s", one(p.Tests.Command), p.Tests.Queue, lasting(p.Tests.TimeoutMS)))
	}
	if stage.HoldMS > 0 {
		more = append(more, "hold "+lasting(stage.HoldMS))
	}
	if len(stage.Gates) > 0 {
		more = append(more, "gates: "+strings.Join(stage.Gates, ", "))
	}
	if i == len(p.Stages)-1 && stage.Old > 0 && p.KeepOldMS > 0 {
		more = append(more, "then the old ones are kept "+lasting(p.KeepOldMS)+" for an instant return")
	}
	return more
}
