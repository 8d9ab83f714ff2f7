package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/manifest"
)

// Options say what the commands cannot know by themselves.
type Options struct {
	Version string
	DataDir func() (string, error) // the data directory when --data does not name one
	Publish Publisher              // makes and pushes images
}

// Root is the slipway command with everything that people and jobs type. The
// roles that run on a machine are added by their owner.
func Root(o Options) *cobra.Command {
	a := &app{Options: o, now: time.Now}
	root := &cobra.Command{
		Use:           "slipway",
		Short:         "Continuous deployment in one binary",
		Long:          "Slipway takes a commit from git push to production.",
		Example:       "  slipway up                                       run Slipway on this machine\n  slipway remote add && git push slipway master    push a service\n  slipway status                                   see what runs where\n  slipway demo                                     watch all of it happen",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.data, "data", "", "data directory (default $XDG_DATA_HOME/slipway or ~/.local/share/slipway)")
	f.StringVar(&a.server, "server", "", "address of the server, or of several, separated by commas (default: the one of the data directory)")
	f.StringVar(&a.tokenFile, "token-file", "", "file that holds the token (default: the one of the data directory)")
	f.BoolVar(&a.json, "json", false, "print JSON")
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	groups(root)
	root.AddCommand(
		inGroup(watch, a.statusCommand(), a.deploymentCommand(), a.buildsCommand(), a.buildCommand(), a.releasesCommand(), a.servicesCommand(),
			a.eventsCommand(), a.logsCommand(), a.canaryCommand())...)
	root.AddCommand(
		inGroup(act, a.deployCommand(), a.rollbackCommand(), a.restartCommand(), a.abortCommand(), a.promoteCommand(), a.configCommand(), a.secretCommand(), a.scaleCommand(),
			a.unblockCommand(), a.cancelCommand(), a.remoteCommand(), a.imageCommand())...)
	root.AddCommand(
		inGroup(people, a.loginCommand(), a.whoamiCommand(), a.userCommand(), a.agentsCommand(), a.agentTokenCommand(), a.routersCommand(), a.pruneCommand())...)
	root.AddCommand(a.platformCommands()...)
	root.AddCommand(a.versionCommand(), a.gitCredentialCommand(), manifestTopic(), exitCodesTopic())
	parent(root)
	return root
}

// Groups of commands in the help.
const (
	machine = "machine"
	watch   = "watch"
	act     = "act"
	people  = "people"
)

func groups(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: machine, Title: "Run Slipway:"},
		&cobra.Group{ID: watch, Title: "See what happens:"},
		&cobra.Group{ID: act, Title: "Change something:"},
		&cobra.Group{ID: people, Title: "People and agents:"},
	)
}

func inGroup(id string, commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.GroupID = id
	}
	return commands
}

// app is what the commands share.
type app struct {
	Options
	data, server, tokenFile string
	json                    bool
	now                     func() time.Time
}

// Main runs the command line and returns the exit code. Errors go to errOut.
func Main(ctx context.Context, root *cobra.Command, args []string, errOut io.Writer) int {
	root.SetArgs(args)
	for _, c := range root.Commands() {
		if c.GroupID == "" && c.Runnable() && c.Name() != "version" {
			c.GroupID = machine // roles, added by their owner
			c.Args = counted(c.Args)
		}
	}
	err := root.ExecuteContext(ctx)
	if err != nil {
		report(errOut, err)
	}
	return exitCode(err)
}

// parent makes c, which holds other commands, name the one that was meant when
// it does not know it. Alone c does what it did, or shows its help.
func parent(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	alone := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && alone != nil:
			return alone(c, args)
		case len(args) == 0:
			return c.Help()
		}
		c.SuggestionsMinimumDistance = 2
		err := slipway.Errorf(slipway.Invalid, "there is no command %q", c.CommandPath()+" "+args[0])
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return err.Do("did you mean %q?", c.CommandPath()+" "+near[0])
		}
		return err.Do("see: %s --help", c.CommandPath())
	}
	return c
}

// flagError says what is wrong with a flag, and names the one that was meant.
func flagError(c *cobra.Command, err error) error {
	wrong := slipway.Errorf(slipway.Invalid, "%s: %w", c.CommandPath(), err)
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		known := &cobra.Command{SuggestionsMinimumDistance: 2} // commands know which is near
		c.Flags().VisitAll(func(f *pflag.Flag) {
			known.AddCommand(&cobra.Command{Use: f.Name, Hidden: f.Hidden, Run: func(*cobra.Command, []string) {}})
		})
		if near := known.SuggestionsFor(unknown.GetSpecifiedName()); len(near) > 0 {
			return wrong.Do("did you mean --%s?", near[0])
		}
	}
	return wrong.Do("see: %s --help", c.CommandPath())
}

// counted makes what cobra says of too few or too many arguments an error like
// our own.
func counted(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case check == nil || check(c, args) == nil:
			return nil
		case len(args) == 0:
			return between(1, 0)(c, args)
		}
		return between(0, 0)(c, args)
	}
}

// between checks the number of arguments and answers with the command's usage
// and an example.
func between(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		what := "too many arguments"
		if len(args) < least {
			what = "an argument is missing"
		}
		return slipway.Errorf(slipway.Invalid, "%s: %s", c.CommandPath(), what).Do("usage: %s\n%s", c.UseLine(), c.Example)
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  slipway version",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			s := a.screen(c)
			if a.json {
				return s.json(map[string]string{"version": a.Version})
			}
			return s.line("slipway %s", a.Version)
		},
	}
}

func manifestTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "manifest",
		Short: "The keys of slipway.yaml",
		Long:  manifest.Reference(),
	}
}

func (s *screen) line(format string, args ...any) error {
	_, err := fmt.Fprintf(s.out, format+"\n", args...)
	return err
}
