package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) userCommand() *cobra.Command {
	c := &cobra.Command{Use: "user", Short: "People who may use this installation", Example: "  slipway user add mei --role deployer\n  slipway user list"}
	c.AddCommand(a.userAddCommand(), a.userListCommand())
	return parent(c)
}

func (a *app) userAddCommand() *cobra.Command {
	var role string
	var envs []string
	c := &cobra.Command{
		Use:     "add NAME",
		Short:   "Add a person, and print their token once",
		Example: "  slipway user add mei --role deployer --env test\n  slipway user add jon --role admin",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := slipway.Role(role).Validate(); err != nil {
				return err
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.CreatedUser, error) {
				return client.AddUser(ctx, api.CreateUser{Name: args[0], Role: role, Environments: envs})
			}, func(s *screen, u api.CreatedUser) error {
				return s.line("%s is %s%s. Their token, shown this once:\n%s", u.Name, u.Role, in(u.Environments), u.Token)
			})
		},
	}
	c.Flags().StringVar(&role, "role", string(slipway.Viewer), "viewer (reads), deployer (pushes, unblocks, deploys) or admin (everything)")
	c.Flags().StringSliceVar(&envs, "env", nil, "environment that a deployer may change; repeatable (default all)")
	return c
}

func in(envs []string) string {
	if len(envs) == 0 {
		return ""
	}
	return " in " + strings.Join(envs, ", ")
}

func (a *app) userListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Who may do what",
		Example: "  slipway user list",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).Users, func(s *screen, users []api.User) error {
				var t table
				for _, u := range users {
					t.row(s.paint(bold, u.Name), u.Role, strings.Join(u.Environments, ", "))
				}
				return t.write(s.out)
			})
		},
	}
}

func (a *app) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Who you are to the server",
		Example: "  slipway whoami",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			w, err := client.Whoami(c.Context())
			if err != nil {
				return err
			}
			s := a.screen(c)
			switch {
			case a.json:
				return s.json(w)
			case w.Build != "":
				return s.line("%s, a job of %s, at %s", who(w.Actor), w.Build, client.URL())
			}
			return s.line("%s, %s%s, at %s", who(w.Actor), w.Role, in(w.Environments), client.URL())
		},
	}
}

func (a *app) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "login",
		Short:   "Print a link that logs your browser in, once",
		Example: "  slipway login",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).LoginLink, func(s *screen, link api.LoginLink) error {
				return s.line("%s\nOpen it in your browser: it works once, until %s.", link.URL, clock(link.ExpiresAt))
			})
		},
	}
}

func (a *app) agentsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "agents",
		Short:   "The agents that run jobs",
		Example: "  slipway agents",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).Agents, func(s *screen, agents []api.Agent) error {
				var t table
				for _, agent := range agents {
					mark := s.paint(green, "● ")
					if agent.State != "connected" {
						mark = s.paint(red, "✗ ")
					}
					heard := "heard " + ago(a.now().Sub(agent.LastSeen)) + " ago"
					if agent.Tests {
						heard += ", for tests before traffic alone"
					}
					t.row(s.paint(bold, one(agent.Name)), agent.Queue, mark+agent.State, heard)
				}
				return t.write(s.out)
			})
		},
	}
}

// agentTokenCommand is `slipway agent-token`: `slipway agent` is the role that
// runs jobs.
func (a *app) agentTokenCommand() *cobra.Command {
	var queues []string
	c := &cobra.Command{
		Use:     "agent-token",
		Short:   "Make a token with which agents of a queue may register",
		Example: "  slipway agent-token --queue test",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(queues) == 0 {
				return slipway.Errorf(slipway.Invalid, "which queue?").Do("for example: %s", strings.TrimSpace(c.Example))
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.AgentToken, error) {
				return client.AddAgentToken(ctx, queues...)
			}, func(s *screen, t api.AgentToken) error {
				return s.line("agents of %s may register with this token, shown this once:\n%s", strings.Join(t.Queues, ", "), t.Token)
			})
		},
	}
	c.Flags().StringSliceVar(&queues, "queue", nil, "queue whose jobs they may take; repeatable")
	return c
}
