package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/manifest"
)

func (a *app) applyCommand() *cobra.Command {
	var yes, dry bool
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "Declare the environments as a file says",
		Long: "Shows what an environments.yaml would change, asks, and applies it. The same happens, without being asked, when it is\n" +
			"pushed to the default branch of the repository platform, where it had better be kept.",
		Example: "  slipway apply environments.yaml\n  slipway apply environments.yaml --dry-run",
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := readEnvironments(args[0])
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			ask := api.Apply{File: filepath.Base(args[0]), Text: text, DryRun: true}
			s := a.screen(c)
			would, err := client.Apply(c.Context(), ask)
			if err != nil {
				return err
			}
			if !a.json {
				err = s.would(would)
			}
			switch {
			case err != nil:
				return err
			case dry || len(would.Changes) == 0:
				return a.unchanged(s, would, dry)
			case a.json && !yes:
				return slipway.Errorf(slipway.Invalid, "with --json nobody is asked").Do("look at it: --dry-run · apply it: --yes")
			case !yes && !agreed(c, "apply it?"):
				return slipway.Errorf(slipway.Conflict, "nothing was applied").Do("to apply without being asked: --yes")
			}
			ask.DryRun, ask.Version = false, &would.Version // or others have changed what was looked at
			done, err := client.Apply(c.Context(), ask)
			switch {
			case err != nil:
				return err
			case a.json:
				return s.json(done)
			}
			return s.line("applied: the environments are at version %d", done.Version)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would change")
	return c
}

func readEnvironments(file string) (string, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", slipway.Errorf(slipway.NotFound, "there is no %s", file).Do("to begin with what is applied: slipway environments --yaml >%s", file)
	} else if err != nil {
		return "", slipway.Errorf(slipway.Invalid, "cannot read %s: %w", file, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, manifest.MaxBytes+1))
	if err != nil {
		return "", slipway.Errorf(slipway.Invalid, "cannot read %s: %w", file, err)
	}
	if len(text) > manifest.MaxBytes {
		return "", slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, manifest.MaxBytes>>10)
	}
	return string(text), nil
}

// unchanged ends what applies nothing, because that was asked for or because
// there is nothing to apply.
func (a *app) unchanged(s *screen, would api.Applied, dry bool) error {
	if !a.json {
		return nil
	}
	would.DryRun = dry
	return s.json(would)
}

func (s *screen) would(a api.Applied) error {
	if len(a.Changes) == 0 {
		return s.line("the environments stay as they are, at version %d", a.Version)
	}
	if err := s.line("it would change the environments:"); err != nil {
		return err
	}
	return s.changes(a.Changes)
}
