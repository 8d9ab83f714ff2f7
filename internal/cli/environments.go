package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/manifest"
)

// platformCommands are for what people declare, lock and approve.
func (a *app) platformCommands() []*cobra.Command {
	return append(inGroup(watch, a.environmentsCommand(), a.diffCommand(), a.locksCommand()),
		append(inGroup(act, a.lockCommand(), a.unlockCommand(), a.approveCommand(), a.applyCommand()), environmentsTopic())...)
}

func environmentsTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "environments.yaml",
		Short: "The keys of environments.yaml",
		Long:  manifest.EnvironmentsReference(),
	}
}

func (a *app) environmentsCommand() *cobra.Command {
	var text bool
	c := &cobra.Command{
		Use:     "environments",
		Short:   "The environments as they are declared, and what is locked or frozen",
		Long:    "Shows the environments in the order a release travels: what is declared of each, what is locked or frozen now,\nand where the head of the platform repository says otherwise than what is applied.",
		Example: "  slipway environments\n  slipway environments --yaml >environments.yaml",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).Environments, func(s *screen, all api.Environments) error {
				switch {
				case text && all.Version == 0:
					return s.line("%s", strings.TrimSpace(manifest.BuiltinEnvironments))
				case text:
					return s.line("%s", strings.TrimRight(all.Source, "\n"))
				}
				return s.environments(all)
			})
		},
	}
	c.Flags().BoolVar(&text, "yaml", false, "print the environments.yaml that is applied")
	return c
}

func (s *screen) environments(all api.Environments) error {
	var t table
	for _, e := range all.Environments {
		var facts []string
		for _, f := range e.Facts {
			if f.Name != "previous" {
				facts = append(facts, f.Name+" "+one(f.Value))
			}
		}
		way := ""
		if e.Previous != "" {
			way = "after " + e.Previous
		}
		t.row(s.paint(bold, e.Name), way, strings.Join(facts, " · "))
		if e.Idle != "" {
			t.row("", "", s.paint(amber, "◐ "+one(e.Idle)+"; start one: "+one(e.Start)))
		}
		if e.Frozen != "" {
			t.row("", "", s.paint(amber, "■ "+one(e.Frozen)))
		}
		for _, l := range e.Locks {
			t.row("", "", s.paint(amber, fmt.Sprintf("■ %s is locked by %s until %s: %s", placeOf(l), who(l.Actor), moment(l.Until), one(l.Why))))
		}
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if err := s.line("%s", version(all)); err != nil {
		return err
	}
	return s.drift(all.Drift)
}

// version says who declared the environments.
func version(all api.Environments) string {
	switch {
	case all.Version == 0:
		return "builtin; to declare your own: slipway environments --yaml >environments.yaml && slipway apply environments.yaml"
	case all.Commit != "":
		return fmt.Sprintf("version %d, pushed by %s at %s", all.Version, who(all.Actor), short(all.Commit))
	}
	return fmt.Sprintf("version %d, applied by %s", all.Version, who(all.Actor))
}

// drift says where the platform repository says otherwise.
func (s *screen) drift(d *api.Drift) error {
	if d == nil {
		return nil
	}
	head := fmt.Sprintf("◐ the head of the repository platform, %s, says otherwise", short(d.Commit))
	if d.Problem != "" {
		return s.line("%s, and cannot be applied:\n  %s", s.paint(amber, head), strings.ReplaceAll(plain(d.Problem), "\n", "\n  "))
	}
	if err := s.line("%s; it would change:", s.paint(amber, head)); err != nil {
		return err
	}
	return s.changes(d.Changes)
}

// changes lists what becomes of environments, a line each.
func (s *screen) changes(all []api.EnvironmentChange) error {
	var t table
	for _, c := range all {
		switch c.Kind {
		case "removed":
			t.row("  "+s.paint(red, "-"), s.paint(bold, c.Environment))
			continue
		case "added":
			var facts []string
			for _, d := range c.Differences {
				facts = append(facts, d.Name+" "+one(d.To))
			}
			t.row("  "+s.paint(green, "+"), s.paint(bold, c.Environment), strings.Join(facts, " · "))
			continue
		}
		for _, d := range c.Differences {
			t.row("  "+s.paint(amber, "~"), s.paint(bold, c.Environment), d.Name+": "+orNone(d.From)+" → "+orNone(d.To))
		}
	}
	return t.write(s.out)
}

func orNone(s string) string {
	if s == "" {
		return "–"
	}
	return one(s)
}
