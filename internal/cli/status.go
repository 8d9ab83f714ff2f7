package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) statusCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "status [SERVICE]",
		Short: "What runs where, and how it is",
		Long: "Shows the services by environments: the release that serves, its instances, since when, and what moves or failed last.\nWith a service: its addresses and instances.\n" +
			"A service that was removed from everywhere is shown with --all, or by its name.",
		Example: "  slipway status\n  slipway status thoughts-backend\n  slipway status --all",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, board, err := a.board(c)
			if err != nil {
				return err
			}
			s := a.screen(c)
			if len(args) == 0 {
				return s.showBoard(board, all, a.json, a.now())
			}
			service, err := findService(board, args[0])
			if err != nil {
				return err
			}
			look(c.Context(), client, &service)
			if a.json {
				return s.json(service)
			}
			return s.service(service, a.now())
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also services that were removed from everywhere")
	return c
}

// look asks for each target of a service by itself: what instances use is not on
// the board. One that cannot be seen now stays as the board has it.
func look(ctx context.Context, client *api.Client, service *api.BoardService) {
	for n, t := range service.Targets {
		if len(t.Instances) == 0 {
			continue
		}
		if closely, err := client.Target(ctx, service.Name, t.Environment); err == nil {
			service.Targets[n] = closely
		}
	}
}

func findService(b api.Board, name string) (api.BoardService, error) {
	var known []string
	for _, s := range b.Services {
		if s.Name == name {
			return s, nil
		}
		known = append(known, s.Name)
	}
	if len(known) == 0 {
		return api.BoardService{}, slipway.Errorf(slipway.NotFound, "no service %q; there are none yet", name)
	}
	return api.BoardService{}, slipway.Errorf(slipway.NotFound, "no service %q; there are %s", name, strings.Join(known, ", "))
}

// showBoard leaves out what was removed from everywhere, unless all is asked
// for.
func (s *screen) showBoard(b api.Board, all, asJSON bool, now time.Time) error {
	known := len(b.Services)
	if !all {
		b.Services = slices.DeleteFunc(b.Services, func(s api.BoardService) bool { return s.Removed != nil })
	}
	switch {
	case asJSON:
		return s.json(b)
	case len(b.Services) == 0 && known > 0:
		return s.line("Nothing runs any more. What was removed: slipway status --all")
	case len(b.Services) == 0:
		return s.line("Nothing is deployed yet. In a service's repository: slipway remote add && git push slipway master")
	}
	return s.board(b, now)
}

func (s *screen) board(b api.Board, now time.Time) error {
	var t table
	head := []string{""}
	for _, env := range b.Environments {
		head = append(head, s.paint(bold, env))
	}
	t.gap = 4
	t.row(head...)
	for _, service := range b.Services {
		row := []string{s.paint(bold, service.Name)}
		var notes []string
		for i, target := range service.Targets {
			row = append(row, s.cell(target, now))
			if note := s.note(target, now); note != "" {
				if i < len(service.Targets)-1 {
					note = target.Environment + ": " + note
				}
				notes = append(notes, note)
			}
		}
		t.row(append(row, strings.Join(notes, "  "))...)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	return s.locked(b)
}

// cell is one service in one environment: @14  ● 3/3  1 h.
func (s *screen) cell(t api.Target, now time.Time) string {
	if t.Release == 0 {
		return s.paint(dim, "–")
	}
	cell := pad(release(t.Release), 4) + " " + s.health(t) + " " + pad(fmt.Sprintf("%d/%d", t.Ready, t.Want), 5)
	if t.Since != nil {
		cell += " " + pad(ago(now.Sub(*t.Since)), 6)
	}
	return cell
}

func (s *screen) health(t api.Target) string {
	switch t.Health {
	case "healthy":
		return s.paint(green, "●")
	case "degraded":
		return s.paint(amber, "◐")
	case "down":
		return s.paint(red, "✗")
	}
	return "○"
}

// note is what a person should know of a target beyond its cell.
func (s *screen) note(t api.Target, now time.Time) string {
	switch d := t.Last; {
	case t.Removing:
		return s.paint(amber, "is being removed")
	case t.Removed != nil && t.Moving == nil:
		return s.paint(dim, "removed "+ago(now.Sub(*t.Removed))+" ago")
	case t.Moving != nil:
		note := fmt.Sprintf("→ %s %s", release(t.Moving.Release), where(*t.Moving))
		if held := holding(*t.Moving, now); held != "" {
			note += ", " + held
		}
		return s.paint(amber, note+waitsFor(*t.Moving))
	case t.Ailing:
		return s.paint(red, strings.TrimSuffix("cannot be healed: "+one(t.Why), ": "))
	case t.Why != "":
		return s.paint(amber, one(t.Why))
	case t.Lock != nil && t.Lock.Service != "":
		return s.paint(amber, lockText(*t.Lock))
	case d == nil || d.Phase == "succeeded" || d.Phase == "superseded" || d.Phase == "cancelled":
	case d.FinishedAt == nil:
		return s.paint(red, fmt.Sprintf("⏸ %s %s", release(d.Release), verb(d.Phase)))
	default:
		return s.paint(red, fmt.Sprintf("⏸ %s %s %s ago", release(d.Release), verb(d.Phase), ago(now.Sub(*d.FinishedAt))))
	}
	return ""
}

func (s *screen) service(b api.BoardService, now time.Time) error {
	var t table
	for _, target := range b.Targets {
		t.row(s.paint(bold, b.Name+"  "+target.Environment), s.cell(target, now), target.URL, s.note(withoutVerdict(target), now))
		for _, i := range target.Instances {
			t.row("  "+i.ID, release(i.Release)+" "+s.phase(i.Phase), i.Address, strings.TrimLeft(consumption(i)+"  "+one(i.Why), " "))
		}
		for _, more := range s.standing(target, now) {
			t.row("  " + more)
		}
	}
	return t.write(s.out)
}

// withoutVerdict leaves out what the evidence says, where that has a line of its
// own.
func withoutVerdict(t api.Target) api.Target {
	if t.Moving == nil || t.Moving.Evidence == nil || t.Moving.Evidence.Verdict == "" {
		return t
	}
	d := *t.Moving
	d.Evidence = nil
	d.Gates = slices.DeleteFunc(slices.Clone(d.Gates), func(g api.Gate) bool { return g.Gate == evidenceGate })
	t.Moving = &d
	return t
}

// standing is what a target has beyond what serves: the schedule of what moves
// it, groups that are kept, a scale that was asked for.
func (s *screen) standing(t api.Target, now time.Time) []string {
	var lines []string
	if d := t.Moving; d != nil && (weighted(d.Stages) || d.Evidence != nil) {
		line := scheduleOf(d.Stages)
		if d.At < len(d.Stages) && d.StartedAt != nil {
			line += "   now: " + circled(d.At+1)
			if held := holding(*d, now); held != "" {
				line += ", " + held
			}
		}
		lines = append(lines, line)
		lines = append(lines, s.judged(*d)...)
	}
	if d := t.Last; t.Moving == nil && !t.Removing && t.Removed == nil && d != nil && wentWrong(*d) {
		why := strings.TrimPrefix(cause(*d), "goes back to "+release(d.From)+": ")
		lines = append(lines, fmt.Sprintf("%s: %s   more: slipway deployment %d", release(d.Release), why, d.ID))
	}
	for _, kept := range t.Retained {
		lines = append(lines, fmt.Sprintf("%s kept %s for an instant return: slipway rollback %s %s",
			release(kept.Release), ago(kept.Until.Sub(now)), t.Service, t.Environment))
	}
	if t.Scale > 0 {
		lines = append(lines, fmt.Sprintf("scaled to %d by hand; the manifest's number: slipway scale %s %s --manifest", t.Scale, t.Service, t.Environment))
	}
	return lines
}

// wentWrong reports whether somebody will want to know why a deployment ended.
func wentWrong(d api.Deployment) bool {
	switch slipway.Phase(d.Phase) {
	case slipway.Failed, slipway.RolledBack, slipway.Stuck:
		return cause(d) != ""
	case slipway.Pending, slipway.Progressing, slipway.RollingBack, slipway.Succeeded, slipway.Superseded, slipway.Cancelled:
	}
	return false
}

// waitsFor is what the first gate that does not pass says.
func waitsFor(d api.Deployment) string {
	for _, g := range d.Gates {
		if bySelf(d, g.Gate) {
			return ": " + one(slipway.Brief(d.Evidence.Why))
		}
		if g.State != "pass" {
			return ": waits, " + one(g.Why)
		}
	}
	return ""
}

func (s *screen) phase(phase string) string {
	switch phase {
	case "ready":
		return s.paint(green, "● ready")
	case "unready", "backoff":
		return s.paint(red, "✗ "+phase)
	}
	return s.paint(dim, "○ "+phase)
}

// where says how far a deployment is: 2 of 3, 33 %.
func where(d api.Deployment) string {
	if d.Phase != "progressing" || d.At >= len(d.Stages) {
		return strings.ReplaceAll(d.Phase, "_", " ")
	}
	if stage := d.Stages[d.At]; stage.Weighted {
		return fmt.Sprintf("stage %d of %d, %s", d.At+1, len(d.Stages), stage.Title)
	}
	return fmt.Sprintf("%s, %d %%", d.Stages[d.At].Title, d.Weight/100)
}

// verb says how a deployment ended.
func verb(phase string) string {
	switch phase {
	case "failed":
		return "refused"
	case "rolled_back":
		return "rolled back"
	}
	return phase
}

func release(n int) string { return fmt.Sprintf("@%d", n) }
