package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
)

func (a *app) remoteCommand() *cobra.Command {
	c := &cobra.Command{Use: "remote", Short: "Connect a git repository", Example: "  slipway remote add"}
	c.AddCommand(&cobra.Command{
		Use:   "add [NAME]",
		Short: "Add the git remote \"slipway\" to this repository",
		Long: "Adds the git remote \"slipway\" to the repository of the current directory, and a credential helper for that\n" +
			"server, so that no token is written into git's configuration. NAME is the repository's name on the server;\n" +
			"without it the name of the folder. The first push makes it there.",
		Example: "  slipway remote add\n  git push slipway master",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.place()
			if err != nil {
				return err
			}
			url, err := a.addRemote(c.Context(), p, first(args))
			if err != nil {
				return err
			}
			s := a.screen(c)
			if a.json {
				return s.json(map[string]string{"remote": "slipway", "url": url})
			}
			return s.line("remote slipway is %s. Push: git push slipway master", url)
		},
	})
	return parent(c)
}

func (a *app) addRemote(ctx context.Context, p place, name string) (string, error) {
	top, err := git(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", slipway.Errorf(slipway.Invalid, "this is not a git repository: %w", err).Do("make it one: git init -b master")
	}
	if name == "" {
		name = filepath.Base(top)
	}
	if err := slipway.RepositoryName(name).Validate(); err != nil {
		return "", err
	}
	base := strings.TrimRight(p.server(ctx), "/")
	remote := base + "/git/" + name + ".git"
	verb := "add"
	if _, err := git(ctx, "remote", "get-url", "slipway"); err == nil {
		verb = "set-url"
	}
	if _, err := git(ctx, "remote", verb, "slipway", remote); err != nil {
		return "", slipway.Errorf(slipway.Internal, "cannot add the remote: %w", err)
	}
	helper, err := a.helper()
	if err != nil {
		return "", err
	}
	// The empty helper first: no other one is asked for this server, or keeps its token.
	key := "credential." + base + "/git.helper"
	_, err = git(ctx, "config", "--replace-all", key, "")
	if err == nil {
		_, err = git(ctx, "config", "--add", key, helper)
	}
	if err != nil {
		return "", slipway.Errorf(slipway.Internal, "cannot set up the credential helper: %w", err)
	}
	return remote, nil
}

// helper is the shell command with which git asks us for the token.
func (a *app) helper() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	words := []string{exe}
	for _, f := range []struct{ name, value string }{{"--data", a.data}, {"--token-file", a.tokenFile}} {
		if f.value == "" {
			continue
		}
		abs, err := filepath.Abs(f.value)
		if err != nil {
			return "", err
		}
		words = append(words, f.name, abs)
	}
	if a.server != "" {
		words = append(words, "--server", a.server)
	}
	for i, w := range words {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return "!" + strings.Join(words, " ") + " git-credential", nil
}

// git runs git in the current directory and returns its output, or its last
// words as the error.
func git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil && errOut.Len() > 0 {
		err = fmt.Errorf("%s", one(errOut.String()))
	}
	return strings.TrimSpace(string(out)), err
}

// sameServer reports whether a and b are addresses of one server.
func sameServer(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	return errA == nil && errB == nil && ua.Scheme == ub.Scheme && ua.Host == ub.Host
}
