package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) buildCommand() *cobra.Command {
	var follow bool
	var step string
	c := &cobra.Command{
		Use:   "build [REPOSITORY/]NUMBER",
		Short: "A build: its steps, or the log of one",
		Long: "Shows the steps of a build, or with --log the log of one step (its key, its label or a part of it).\n" +
			"With --follow until the build has ended or is blocked; it fails when the build does.",
		Example: "  slipway build thoughts-backend/12 --follow\n  slipway build 12 --log \"Run my tests\"",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			repository, number, err := slug(c.Context(), args[0])
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			b, err := client.Build(c.Context(), repository, number)
			if err != nil {
				return err
			}
			s := a.screen(c)
			switch {
			case step != "":
				return jobLog(c.Context(), s, client, b, step, follow)
			case follow:
				return a.followBuild(c.Context(), s, client, b)
			case a.json:
				return s.json(b)
			}
			return s.line("%s", strings.Join(s.build(b, a.now()), "\n"))
		},
	}
	c.Flags().BoolVar(&follow, "follow", false, "until it has ended or is blocked")
	c.Flags().StringVar(&step, "log", "", "show the log of this step")
	return c
}

// followBuild shows a build until there is nothing to wait for but a person.
func (a *app) followBuild(ctx context.Context, s *screen, client *api.Client, b api.Build) error {
	p := &paper{s: s}
	draw := func(b api.Build) error {
		if a.json {
			return s.json(b)
		}
		return p.draw(s.build(b, a.now()), func(line string) bool { return !strings.HasSuffix(line, pending) })
	}
	show := func(b api.Build) (bool, error) {
		if err := draw(b); err != nil {
			return true, err
		}
		switch b.State {
		case "passed", "blocked":
			return true, nil
		case "failed", "canceled":
			return true, errFailed
		}
		return false, nil
	}
	look := func(ctx context.Context) (api.Build, error) { return client.Build(ctx, b.Repository, b.Number) }
	_, err := follow(ctx, s.terminal, client, api.EventFilter{Build: slugOf(b)}, b, look, show)
	return err
}

// findJob finds the step that a person means.
func findJob(b api.Build, step string) (api.Job, error) {
	var found []api.Job
	var known []string
	for _, j := range b.Jobs {
		if j.Kind != "command" {
			continue
		}
		if j.ID == step || j.Key == step && step != "" || j.Label == step {
			return j, nil
		}
		if strings.Contains(strings.ToLower(j.Label), strings.ToLower(step)) {
			found = append(found, j)
		}
		known = append(known, fmt.Sprintf("%q", one(j.Label)))
	}
	if len(found) == 1 {
		return found[0], nil
	}
	what := "has no step"
	if len(found) > 1 {
		what = "has several steps"
	}
	return api.Job{}, slipway.Errorf(slipway.NotFound, "%s %s %q; there are %s", slugOf(b), what, step, strings.Join(known, ", "))
}

func jobLog(ctx context.Context, s *screen, client *api.Client, b api.Build, step string, follow bool) error {
	j, err := findJob(b, step)
	if err != nil {
		return err
	}
	clean := s.strangers()
	var at int64
	wait := patience{limit: awayFor}
	for {
		n, err := copyLog(ctx, client, clean, j.ID, at, follow)
		at += n
		if err == nil || !follow || ctx.Err() != nil {
			return errors.Join(err, s.endColour())
		}
		if n > 0 {
			wait.reset()
		}
		if err := wait.again(ctx, err); err != nil {
			return err
		}
	}
}

func copyLog(ctx context.Context, client *api.Client, w io.Writer, job string, at int64, follow bool) (int64, error) {
	log, err := client.JobLog(ctx, job, at, follow)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	n, err := io.Copy(w, log)
	if err != nil {
		err = slipway.Errorf(slipway.Unavailable, "the log broke off: %w", err)
	}
	return n, err
}

// endColour ends a colour that a log has left on.
func (s *screen) endColour() error {
	if !s.colour {
		return nil
	}
	_, err := io.WriteString(s.out, "\x1b[0m")
	return err
}
