package daemon

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/internal/build/agent"
	"github.com/slipway-cd/slipway/internal/driver/process"
	"github.com/slipway-cd/slipway/internal/protocol/git"
)

// The commands below are typed by nobody: Slipway starts itself with them.

func shimCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "shim DIR",
		Short:  "Own one instance of this machine; started by the executor",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return process.RunShim(c.Context(), args[0])
		},
	}
}

func gitHookCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "git-hook",
		Short:  "Tell the server of a push, and the pusher how it goes; run by git",
		Hidden: true,
		Args:   cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return git.RunHook(ctx, c.InOrStdin(), c.OutOrStdout(), os.Getenv)
		},
	}
}

func guardCommand() *cobra.Command {
	return &cobra.Command{
		Use:                agent.GuardCommand,
		Short:              "Run a job's command for an agent",
		Hidden:             true,
		DisableFlagParsing: true,
		Run:                func(_ *cobra.Command, args []string) { os.Exit(agent.Guard(args)) },
	}
}
