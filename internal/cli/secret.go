package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

func (a *app) secretCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "secret", Short: "What a service may know and nobody may see",
		Long: "Secrets of a service in an environment. slipway.yaml says which it wants (run.secrets), as a variable or as a file.\n" +
			"They are kept sealed, and hidden where instances and jobs print them. Going back restores them, but for those that\n" +
			"were retired.",
		Example: "  slipway secret set thoughts-backend prod DATABASE_URL < url\n  slipway secret list thoughts-backend prod",
	}
	c.AddCommand(a.secretSetCommand(), a.secretListCommand(), a.secretRetireCommand(), a.rotateKeyCommand())
	return parent(c)
}

func (a *app) secretSetCommand() *cobra.Command {
	var later bool
	c := &cobra.Command{
		Use:   "set SERVICE ENV NAME",
		Short: "Set a secret from standard input, and deploy what serves with it",
		Long: "Reads the value from standard input; on a terminal, asks for it and does not show it. The end of the only line is not\n" +
			"part of the value; a value of several lines stays as it is. At most 64 KiB, at least 6 characters.",
		Example: "  slipway secret set thoughts-backend prod DATABASE_URL < url\n  pass show db | slipway secret set thoughts-backend prod DATABASE_URL --later",
		Args:    between(3, 3),
		RunE: func(c *cobra.Command, args []string) error {
			if err := slipway.ValidateVariable(args[2]); err != nil {
				return err
			}
			value, err := readSecret(c.InOrStdin(), c.ErrOrStderr(), args[2])
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			got, err := client.SetSecret(c.Context(), args[0], args[1], args[2], api.SetSecret{Value: value, Later: later, Key: rand.Text()})
			if err != nil {
				return err
			}
			said := fmt.Sprintf("%s@%d of %s in %s is kept, sealed", got.Name, got.Version, got.Service, got.Environment)
			return a.takenUp(c, client, got, said, got.Why, got.Deployment)
		},
	}
	c.Flags().BoolVar(&later, "later", false, laterUsage)
	return c
}

// readSecret reads a value. On a terminal it asks for it, and nothing is shown.
func readSecret(in io.Reader, ask io.Writer, name string) ([]byte, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprintf(ask, "Value of %s (not shown): ", name)
		value, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(ask)
		return value, err
	}
	value, err := io.ReadAll(io.LimitReader(bufio.NewReader(in), slipway.MaxSettingBytes+2))
	if err != nil {
		return nil, slipway.Errorf(slipway.Invalid, "the value of %s cannot be read: %w", name, err)
	}
	if at := bytes.IndexByte(value, '\n'); at == len(value)-1 && at >= 0 {
		value = bytes.TrimSuffix(value[:at], []byte("\r"))
	}
	switch {
	case len(value) > slipway.MaxSettingBytes:
		return nil, slipway.Errorf(slipway.TooLarge, "the secret %s has more than %d KiB", name, slipway.MaxSettingBytes>>10)
	case len(value) == 0:
		return nil, slipway.Errorf(slipway.Invalid, "standard input holds no value for %s", name).Do("for example: slipway secret set SERVICE ENV %s < file", name)
	}
	return value, nil
}

func (a *app) secretListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list SERVICE ENV",
		Short:   "Names and versions, never values",
		Example: "  slipway secret list thoughts-backend prod",
		Args:    between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return present(a, c, func(client *api.Client, ctx context.Context) ([]api.Secret, error) {
				return client.Secrets(ctx, args[0], args[1])
			}, func(s *screen, all []api.Secret) error {
				return a.showSecrets(s, args[0], args[1], all)
			})
		},
	}
}

func (a *app) showSecrets(s *screen, service, env string, all []api.Secret) error {
	if len(all) == 0 {
		return s.line("%s has no secrets in %s. Set one: slipway secret set %s %s NAME < file", service, env, service, env)
	}
	var t table
	trouble := ""
	for _, v := range all {
		state := ""
		switch {
		case v.Trouble != "":
			state, trouble = s.paint(red, "✗ cannot be opened"), v.Trouble
		case v.RetiredAt != nil:
			state = s.paint(dim, "○ retired "+ago(a.now().Sub(*v.RetiredAt))+" ago")
		case v.Live:
			state = s.paint(green, "● live")
		case v.Newest:
			state = "newest"
		}
		t.row(s.paint(bold, v.Name)+"@"+number(v.Version), ago(a.now().Sub(v.At))+" ago", "by "+who(v.Actor), state)
	}
	if err := t.write(s.out); err != nil || trouble == "" {
		return err
	}
	return s.line("\n%s", plain(trouble))
}

func (a *app) secretRetireCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "retire SERVICE ENV NAME@VERSION",
		Short:   "Never use a version again, not even by going back",
		Long:    "Retires a version: whatever goes back to it gets the newest instead, and says so. What runs keeps it until it is replaced.",
		Example: "  slipway secret set thoughts-backend prod DATABASE_URL < new\n  slipway secret retire thoughts-backend prod DATABASE_URL@3",
		Args:    between(3, 3),
		RunE: func(c *cobra.Command, args []string) error {
			name, text, _ := strings.Cut(args[2], "@")
			version, err := strconv.Atoi(text)
			if err != nil || version < 1 {
				return slipway.Errorf(slipway.Invalid, "%q is not a version of a secret; write NAME@NUMBER", args[2]).
					Do("see them: slipway secret list %s %s", args[0], args[1])
			}
			return present(a, c, func(client *api.Client, ctx context.Context) (api.Secret, error) {
				return client.RetireSecret(ctx, args[0], args[1], name, version)
			}, func(s *screen, got api.Secret) error {
				more := ""
				if got.Live {
					more = fmt.Sprintf("; what serves has it until then: slipway restart %s %s", got.Service, got.Environment)
				}
				return s.line("%s@%d of %s in %s is retired%s", got.Name, got.Version, got.Service, got.Environment, more)
			})
		},
	}
}

func (a *app) rotateKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-key",
		Short: "Change the master key that seals all secrets",
		Long: "Makes a new master key and seals every secret for it. It may be interrupted: until it has ended both keys open, and\n" +
			"asking again goes on. The former key is kept beside the new one, because earlier backups need it.",
		Example: "  slipway secret rotate-key",
		Args:    between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			return present(a, c, (*api.Client).RotateKey, func(s *screen, got api.RotatedKey) error {
				if err := s.line("%d sealed for the key %s", got.Resealed, got.Key); err != nil || got.Former == "" {
					return err
				}
				return s.line("Earlier backups need the former key, which is in %s; remove it when they are gone.", got.Former)
			})
		},
	}
}

func number(n int) string { return strconv.Itoa(n) }
