package cli

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// gitCredentialCommand is what git runs for the user name and the password of
// a remote that `slipway remote add` has set up. It answers for our server only.
func (a *app) gitCredentialCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "git-credential OPERATION",
		Short:   "Give git the token",
		Example: "  slipway git-credential get",
		Hidden:  true,
		Args:    between(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != "get" {
				return nil // nothing is kept, so there is nothing to store or erase
			}
			asked, err := credentialRequest(c.InOrStdin())
			if err != nil {
				return err
			}
			p, err := a.place()
			if err != nil {
				return err
			}
			host := asked["protocol"] + "://" + asked["host"]
			if !slices.ContainsFunc(strings.Split(p.url, ","), func(base string) bool { return sameServer(base, host) }) {
				return nil
			}
			return a.screen(c).line("username=slipway\npassword=%s", p.token)
		},
	}
}

const maxRequest = 64 << 10

// credentialRequest reads git's key=value lines up to the empty one.
func credentialRequest(r io.Reader) (map[string]string, error) {
	asked := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(r, maxRequest))
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), "=")
		asked[key] = value
	}
	return asked, lines.Err()
}
