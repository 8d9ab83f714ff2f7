package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) servicesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "services",
		Short:   "The services that are known, and taking one away",
		Example: "  slipway services\n  slipway services rm thoughts-backend test",
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) ([]api.BoardService, error) {
				board, err := client.Board(ctx)
				return board.Services, err
			}, (*screen).services)
		},
	}
	c.AddCommand(a.servicesRemoveCommand())
	return parent(c)
}

// services lists them with where each runs.
func (s *screen) services(all []api.BoardService) error {
	if len(all) == 0 {
		return s.line("There are no services yet. In a service's repository: slipway remote add && git push slipway master")
	}
	var t table
	for _, service := range all {
		where := "nothing of it runs"
		if live := liveIn(service); len(live) > 0 {
			where = strings.Join(live, " · ")
		}
		t.row(s.paint(bold, service.Name), service.Kind, service.Owner, where)
	}
	return t.write(s.out)
}

func liveIn(b api.BoardService) []string {
	var live []string
	for _, t := range b.Targets {
		switch {
		case t.Removing:
			live = append(live, t.Environment+" is being removed")
		case t.Release > 0:
			live = append(live, fmt.Sprintf("%s %s", t.Environment, release(t.Release)))
		}
	}
	return live
}

func (a *app) servicesRemoveCommand() *cobra.Command {
	var sure bool
	c := &cobra.Command{
		Use:   "rm SERVICE [ENV]",
		Short: "Drain and stop everything of a service",
		Long: "Drains and stops everything of a service in an environment, or in all. Its port there is freed; its releases and its\n" +
			"history stay. A service that another one needs is not removed. It asks before, unless --yes is given.",
		Example: "  slipway services rm thoughts-backend test\n  slipway services rm thoughts-backend --yes",
		Args:    between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, board, err := a.board(c)
			if err != nil {
				return err
			}
			service, err := findService(board, args[0])
			if err != nil {
				return err
			}
			envs, err := runsIn(service, board.Environments, args[1:])
			if err != nil {
				return err
			}
			if err := confirm(c, sure, fmt.Sprintf("Remove %s from %s?", service.Name, strings.Join(envs, ", "))); err != nil {
				return err
			}
			return a.remove(c, client, service.Name, envs)
		},
	}
	c.Flags().BoolVar(&sure, "yes", false, "do not ask")
	return c
}

// runsIn lists the environments to remove a service from, the last that a
// release reaches first.
func runsIn(b api.BoardService, known, args []string) ([]string, error) {
	var envs []string
	for _, t := range b.Targets {
		if (t.Release > 0 || t.Moving != nil) && (len(args) == 0 || t.Environment == args[0]) {
			envs = append([]string{t.Environment}, envs...)
		}
	}
	switch {
	case len(envs) > 0:
		return envs, nil
	case len(args) == 0:
		return nil, slipway.Errorf(slipway.Conflict, "nothing of %s runs anywhere", b.Name)
	}
	for _, env := range known {
		if env == args[0] {
			return nil, slipway.Errorf(slipway.Conflict, "nothing of %s runs in %s", b.Name, env)
		}
	}
	return nil, slipway.Errorf(slipway.NotFound, "no environment %q; there are %s", args[0], strings.Join(known, ", "))
}

// remove asks for it, and waits until nothing is left.
func (a *app) remove(c *cobra.Command, client *api.Client, service string, envs []string) error {
	s := a.screen(c)
	for _, env := range envs {
		t, err := client.Remove(c.Context(), service, env)
		if err != nil {
			return err
		}
		if t, err = gone(c.Context(), client, t); err != nil {
			return err
		}
		if a.json {
			err = s.json(t)
		} else {
			err = s.line("nothing of %s runs in %s any more; its releases and its history stay", service, env)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// goneWithin is how long a removal is waited for: what is in flight may take as
// long as its drain.
const goneWithin = 15 * time.Minute

func gone(ctx context.Context, client *api.Client, t api.Target) (api.Target, error) {
	ctx, cancel := context.WithTimeout(ctx, goneWithin)
	defer cancel()
	for t.Removing {
		select {
		case <-ctx.Done():
			return t, slipway.Errorf(slipway.Unavailable, "%s is still being removed from %s", t.Service, t.Environment).
				Do("it goes on by itself; see: slipway status %s", t.Service)
		case <-time.After(200 * time.Millisecond):
		}
		next, err := client.Target(ctx, t.Service, t.Environment)
		if err == nil {
			t = next
		} else if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != string(slipway.Unavailable) {
			return t, err
		}
	}
	return t, nil
}
