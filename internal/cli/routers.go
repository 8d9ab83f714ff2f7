package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

// routersCommand is `slipway routers`: `slipway router` is the role that daemon
// brings.
func (a *app) routersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "routers",
		Short: "The routers that carry the traffic",
		Long: `The routers that carry the traffic.

An instance is stopped only when all of them have let go of it. One that is silent therefore holds
deployments up, until its process is proven to have ended or a person forgets it.`,
		Example: "  slipway routers\n  slipway routers forget edge-2",
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).Routers, func(s *screen, routers []api.Router) error {
				var t table
				for _, r := range routers {
					t.row(s.paint(bold, one(r.ID)), s.routerMark(r), "heard "+ago(a.now().Sub(r.LastSeen))+" ago",
						fmt.Sprintf("process %d", r.PID), fmt.Sprintf("%d in flight", r.InFlight), one(routerNotes(r)))
				}
				return t.write(s.out)
			})
		},
	}
	c.AddCommand(a.routersForgetCommand())
	return parent(c)
}

func (s *screen) routerMark(r api.Router) string {
	if r.State == "serving" {
		return s.paint(green, "● ") + r.State
	}
	return s.paint(red, "✗ ") + r.State
}

// routerNotes is what is out of the ordinary.
func routerNotes(r api.Router) string {
	var notes []string
	if r.Leaving > 0 {
		notes = append(notes, fmt.Sprintf("%d before it finishing", r.Leaving))
	}
	if r.Lapsed {
		notes = append(notes, "has taken traffic back by itself")
	}
	if r.Why != "" {
		notes = append(notes, r.Why)
	}
	return strings.Join(notes, " · ")
}

func (a *app) routersForgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget ID",
		Short: "Wait no more for a router that is gone for good",
		Long: `Wait no more for a router that is gone for good.

Be certain that it is: a router that still runs sends requests to instances that are about to be
stopped. One that serves is not forgotten, and one that speaks again is registered again.`,
		Example: "  slipway routers forget edge-2",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Router, error) {
				return client.ForgetRouter(ctx, args[0])
			}, func(s *screen, r api.Router) error {
				return s.line("router %s is forgotten; nothing waits for it any more", one(r.ID))
			})
		},
	}
}
