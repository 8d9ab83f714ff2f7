package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) lockCommand() *cobra.Command {
	var why, length string
	c := &cobra.Command{
		Use:   "lock ENV [SERVICE]",
		Short: "Keep deployments from starting for a while",
		Long: "Keeps deployments to an environment, or of a service in it, from starting until the lock ends or is taken away.\n" +
			"What waits starts then. A rollback goes over it with --override.",
		Example: "  slipway lock prod --why \"database migration\" --for 2h\n  slipway lock prod thoughts-backend --why \"Jon is looking into it\" --for 1d",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := lockFor(length)
			if err != nil {
				return err
			}
			if why == "" {
				return slipway.Errorf(slipway.Invalid, "others will ask why").Do("say it: --why TEXT")
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Lock, error) {
				return client.Lock(ctx, api.CreateLock{Environment: args[0], Service: first(args[1:]), Why: why, ForMS: d.Milliseconds()})
			}, func(s *screen, l api.Lock) error {
				return s.line("%s is locked until %s: %s", placeOf(l), moment(l.Until), one(l.Why))
			})
		},
	}
	c.Flags().StringVar(&why, "why", "", "what others read while they wait")
	c.Flags().StringVar(&length, "for", "", "how long at most: 30m, 2h, 3d; up to 30d")
	return c
}

// lockFor reads how long a lock holds: 90s, 30m, 2h, 3d.
func lockFor(s string) (time.Duration, error) {
	if s == "" {
		return 0, slipway.Errorf(slipway.Invalid, "a lock needs an end, so that none is left behind").Do("say how long: --for 2h")
	}
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n <= 1000 {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d < time.Second || d > slipway.MaxLock {
		return 0, slipway.Errorf(slipway.Invalid, "--for must be a time from 1s to 30d, such as 30m, 2h or 3d, not %q", s)
	}
	return d, nil
}

func (a *app) unlockCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unlock ENV [SERVICE]",
		Short:   "Take a lock away, so that what waits starts",
		Long:    "Takes a lock away: your own, or as an admin anybody's. What waits for it starts at once.",
		Example: "  slipway unlock prod\n  slipway unlock prod thoughts-backend",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Lock, error) {
				return client.Unlock(ctx, args[0], first(args[1:]))
			}, func(s *screen, l api.Lock) error {
				return s.line("%s is not locked any more; %s had: %s", placeOf(l), who(l.Actor), one(l.Why))
			})
		},
	}
}

func (a *app) locksCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "locks",
		Short:   "What is locked, by whom, until when",
		Example: "  slipway locks",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).Locks, func(s *screen, all []api.Lock) error {
				if len(all) == 0 {
					return s.line("Nothing is locked. To lock: slipway lock ENV --why TEXT --for 2h")
				}
				var t table
				for _, l := range all {
					t.row(s.paint(bold, placeOf(l)), "by "+who(l.Actor), "until "+moment(l.Until), one(l.Why))
				}
				return t.write(s.out)
			})
		},
	}
}

// placeOf is what a lock is on: prod, or web in prod.
func placeOf(l api.Lock) string {
	return slipway.Lock{Target: slipway.TargetID{Service: slipway.ServiceName(l.Service), Environment: slipway.EnvironmentName(l.Environment)}}.Place()
}

// moment is a time of this or another day, by the clock of this machine.
func moment(t time.Time) string { return t.Local().Format("Mon 2 Jan 15:04 MST") }

// locked tells which environments of a board are locked, a line each; locks of
// single services stand beside them.
func (s *screen) locked(b api.Board) error {
	told := map[string]bool{}
	for _, service := range b.Services {
		for _, t := range service.Targets {
			if l := t.Lock; l != nil && l.Service == "" && !told[l.Environment] {
				told[l.Environment] = true
				if err := s.line("%s", s.paint(amber, lockText(*l))); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func lockText(l api.Lock) string {
	return "■ " + placeOf(l) + " is locked by " + who(l.Actor) + " until " + moment(l.Until) + ": " + one(l.Why)
}
