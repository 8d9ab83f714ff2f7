package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) eventsCommand() *cobra.Command {
	var follow bool
	var limit int
	var build, target string
	var deployment int64
	c := &cobra.Command{
		Use:     "events",
		Short:   "What happened, oldest first",
		Example: "  slipway events --follow\n  slipway events --target thoughts-backend/prod\n  slipway events --json --deployment 77",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			filter := api.EventFilter{Build: build, Deployment: deployment}
			if target != "" {
				t, err := slipway.ParseTargetID(target)
				if err != nil {
					return err
				}
				filter.Service, filter.Environment = string(t.Service), string(t.Environment)
			}
			s := a.screen(c)
			return events(c.Context(), client, -int64(limit), follow, filter, func(e api.Event) error {
				if a.json {
					return s.json(e)
				}
				return s.event(e)
			})
		},
	}
	f := c.Flags()
	f.BoolVar(&follow, "follow", false, "wait for more")
	f.IntVar(&limit, "limit", 50, "how many before now")
	f.StringVar(&build, "build", "", "of one build, REPOSITORY/NUMBER")
	f.StringVar(&target, "target", "", "of one target, SERVICE/ENVIRONMENT")
	f.Int64Var(&deployment, "deployment", 0, "of one deployment")
	return c
}

func (s *screen) event(e api.Event) error {
	by := ""
	if e.Actor.Kind != "system" && e.Actor.Name != "" {
		by = s.paint(dim, "  by "+who(e.Actor))
	}
	return s.line("%s  %s  %s%s%s", s.paint(dim, clock(e.At)), pad(e.Kind, 19), subject(e), one(e.Text), by)
}

// subject is what an event is about, unless its text says so.
func subject(e api.Event) string {
	about := e.Build
	switch {
	case e.Service != "" && e.Environment != "":
		about = e.Service + "/" + e.Environment
	case about == "":
		about = e.Repository
	}
	if about == "" || strings.Contains(e.Text, about) {
		return ""
	}
	return about + "  "
}

// who is the person behind an actor, with what acted for them.
func who(a api.Actor) string {
	if a.For != "" && a.For != a.Name {
		return one(fmt.Sprintf("%s (%s)", a.For, a.Name))
	}
	return one(a.Name)
}

// events calls f for each event. Following, it begins again after the last
// one when the connection breaks, for as long as patience lasts.
func events(ctx context.Context, client *api.Client, after int64, follow bool, filter api.EventFilter, f func(api.Event) error) error {
	wait := patience{limit: awayFor}
	for {
		var broken error
		for e, err := range client.Events(ctx, after, follow, filter) {
			if err != nil {
				broken = err
				break
			}
			if err := f(e); err != nil {
				return err
			}
			after = e.Seq
			wait.reset()
		}
		if !follow || ctx.Err() != nil {
			return broken
		}
		if broken == nil {
			broken = slipway.Errorf(slipway.Unavailable, "the event stream ended")
		}
		if err := wait.again(ctx, broken); err != nil {
			return err
		}
	}
}
