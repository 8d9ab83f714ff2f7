package daemon

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
)

// installation says what `slipway install` writes.
type installation struct {
	machine bool
	as      string
	listen  string
	queues  []string
	show    bool
}

func installCommand() *cobra.Command {
	var in installation
	c := &cobra.Command{
		Use:   "install",
		Short: "Write a systemd unit that keeps Slipway running",
		Long: `Writes a systemd unit that keeps "slipway up" running: of your own user, or with --system of the machine.

Ending or restarting the unit leaves the router and the instances serving; the next start adopts them.
"slipway down" ends them. Variables such as SLIPWAY_DATABASE are read from the file slipway.env in the
data directory.`,
		Example: "  slipway install\n  slipway install --system --as slipway --data /var/lib/slipway\n  slipway install --show",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			data, err := dataOf(dataFlag(c))
			if err != nil {
				return err
			}
			return in.run(c.OutOrStdout(), data)
		},
	}
	c.Flags().BoolVar(&in.machine, "system", false, "a unit of the machine, not of your user; takes root")
	c.Flags().StringVar(&in.as, "as", "", "with --system: the user that Slipway runs as")
	c.Flags().StringVar(&in.listen, "listen", DefaultListen, "address of the server")
	c.Flags().StringSliceVar(&in.queues, "queue", DefaultQueues, "queue to run an agent for; repeatable")
	c.Flags().BoolVar(&in.show, "show", false, "print the unit and write nothing")
	return c
}

// run writes the unit, or shows it. It returns Invalid for a user that does not
// exist, Exists when another unit is there, Forbidden where it may not write.
func (in installation) run(out io.Writer, data Data) error {
	u, err := in.unit(data)
	if err != nil {
		return err
	}
	if in.show {
		_, err := io.WriteString(out, u.text())
		return err
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return slipway.Errorf(slipway.Invalid, "no home directory to write the unit to").Do("write one of the machine: slipway install --system --as USER")
	}
	file := filepath.Join(unitFolder(in.machine, config), "slipway.service")
	if err := writeUnit(file, u.text()); err != nil {
		return err
	}
	manager := "systemctl --user"
	if in.machine {
		manager = "systemctl"
	}
	_, err = fmt.Fprintf(out, "%s is written\n  start    %s daemon-reload && %s enable --now slipway\n  upgrade  replace %s, then %s restart slipway: what serves goes on\n  end      %s disable --now slipway && slipway down --data %s\n",
		file, manager, manager, u.exe, manager, manager, data.Dir)
	if err == nil && !in.machine {
		_, err = fmt.Fprintln(out, "  so that it runs while you are not logged in: loginctl enable-linger")
	}
	return err
}

func (in installation) unit(data Data) (unit, error) {
	switch {
	case in.machine && in.as == "":
		return unit{}, slipway.Errorf(slipway.Invalid, "--system needs --as: the user that Slipway runs as").
			Do("make one: useradd --system --create-home slipway; then: slipway install --system --as slipway")
	case !in.machine && in.as != "":
		return unit{}, slipway.Errorf(slipway.Invalid, "--as goes with --system").Do("a unit of your own user runs as you")
	}
	if in.as != "" {
		if _, err := user.Lookup(in.as); err != nil {
			return unit{}, slipway.Errorf(slipway.Invalid, "there is no user %q on this machine", in.as).Do("make one: useradd --system --create-home %s", in.as)
		}
	}
	dir, err := filepath.Abs(data.Dir)
	if err != nil {
		return unit{}, err
	}
	exe, err := os.Executable()
	if err != nil {
		return unit{}, err
	}
	args := []string{"up", "--data", dir, "--listen", in.listen}
	for _, q := range in.queues {
		if err := slipway.Queue(q).Validate(); err != nil {
			return unit{}, err
		}
		args = append(args, "--queue", q)
	}
	for _, word := range append(args, exe) {
		if err := checkWord("the argument", word); err != nil {
			return unit{}, err
		}
	}
	return unit{exe: exe, args: args, user: in.as, secret: filepath.Join(dir, "slipway.env")}, nil
}

// writeUnit writes the unit whole or not at all, and no other's over it.
func writeUnit(file, text string) error {
	was, err := os.ReadFile(file)
	switch {
	case err == nil && string(was) == text:
		return nil
	case err == nil:
		return slipway.Errorf(slipway.Exists, "%s is there already, and says something else", file).
			Do("look at what would be written: slipway install --show; remove the file to have it written anew")
	case !errors.Is(err, fs.ErrNotExist):
		return slipway.Errorf(slipway.Forbidden, "cannot read %s", file)
	}
	err = os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file+".new", []byte(text), 0o644)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		return slipway.Errorf(slipway.Forbidden, "cannot write %s: %w", file, err).Do("a unit of the machine takes root; without --system it is one of your own user")
	}
	return nil
}
