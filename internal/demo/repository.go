package demo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/examples"
)

// The services, in the order in which they need each other.
var services = []string{"users-backend", "thoughts-backend", "frontend"}

// changed is the service that the demo changes.
const changed = "thoughts-backend"

// repository is the folder of a repository. The scripts' ends in .git, so that
// the services' relative URL ../build-scripts.git leads there as well.
func (p *play) repository(name string) string {
	if name == examples.Scripts {
		name += ".git"
	}
	return filepath.Join(p.dir, "repositories", name)
}

// makeRepository makes a git repository of a folder of the example.
func (p *play) makeRepository(ctx context.Context, name string) error {
	dir := p.repository(name)
	if err := examples.Copy(name, dir); err != nil {
		return err
	}
	if err := p.git(ctx, name, "init", "--quiet", "--initial-branch=master"); err != nil {
		return err
	}
	if name != examples.Scripts {
		// The scripts are a folder next to us here; git wants to be told that such a submodule is meant.
		if err := p.git(ctx, name, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../"+examples.Scripts+".git", "ci"); err != nil {
			return err
		}
	}
	if err := p.commit(ctx, name, "Begin "+name); err != nil {
		return err
	}
	cmd := p.command(ctx, "remote", "add", name)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return broken("slipway remote add: %v: %s", err, out)
	}
	return nil
}

func (p *play) commit(ctx context.Context, name, message string) error {
	if err := p.git(ctx, name, "add", "--all"); err != nil {
		return err
	}
	return p.git(ctx, name, "commit", "--quiet", "--message", message)
}

// edit replaces one text in a file of a repository.
func (p *play) edit(name, file, old, text string) error {
	path := filepath.Join(p.repository(name), file)
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after := strings.Replace(string(before), old, text, 1)
	if after == string(before) {
		return broken("%s does not hold %q", file, old)
	}
	return os.WriteFile(path, []byte(after), 0o644) //nolint:gosec // a source file
}

// push pushes a repository as a person would, and shows it.
func (p *play) push(ctx context.Context, name string) error {
	return p.show(p.gitCommand(ctx, name, "push", "slipway", "master"), "git push slipway master      in "+name)
}

// pushService pushes a service, whose build has to end up waiting for a person.
func (p *play) pushService(ctx context.Context, name string, build int) error {
	if err := p.push(ctx, name); err != nil {
		return err
	}
	b, err := p.client.Build(ctx, name, build)
	if err == nil && b.State != string(slipway.BuildBlocked) {
		err = broken("build %s/%d should wait for a person now, but it is %s", name, build, b.State)
	}
	return err
}

func (p *play) git(ctx context.Context, name string, args ...string) error {
	if out, err := p.gitCommand(ctx, name, args...).CombinedOutput(); err != nil {
		return broken("git %s in %s: %v: %s", args[0], name, err, out)
	}
	return nil
}

// gitCommand is git with a demo author and nobody's configuration.
func (p *play) gitCommand(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = p.repository(name)
	cmd.Env = append(environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Mei", "GIT_AUTHOR_EMAIL=mei@example.com", "GIT_COMMITTER_NAME=Mei", "GIT_COMMITTER_EMAIL=mei@example.com")
	return cmd
}
