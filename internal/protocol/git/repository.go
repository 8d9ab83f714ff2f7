package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// empty is a repository with nothing in it. It stands for every one that does
// not exist yet; no repository can have its name.
const empty = ".empty"

// hookScript is all that git runs of ours. A change made around the server (by a
// path, by hand) has no server to tell: it is found by Reconcile.
const hookScript = `#!/bin/sh
[ -n "$SLIPWAY_HOOK_PROGRAM" ] || exit 0
exec "$SLIPWAY_HOOK_PROGRAM" git-hook
`

func (s *Server) root() string  { return filepath.Join(s.Dir, "repositories") }
func (s *Server) hooks() string { return filepath.Join(s.root(), ".hooks") }

func (s *Server) path(name slipway.RepositoryName) string {
	return filepath.Join(s.root(), string(name)+".git")
}

// exists reports whether the repository is on disk.
func (s *Server) exists(name slipway.RepositoryName) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}

// prepare makes what all repositories share.
func (s *Server) prepare(ctx context.Context) error {
	if err := errors.Join(os.MkdirAll(s.hooks(), 0o700), os.MkdirAll(s.marks(), 0o700)); err != nil {
		return err
	}
	if err := s.writeHook(filepath.Join(s.hooks(), "post-receive")); err != nil {
		return err
	}
	return s.initialize(ctx, filepath.Join(s.root(), empty+".git"))
}

// writeHook writes the hook unless it is there: git may be about to run it for
// another server.
func (s *Server) writeHook(file string) error {
	if text, err := os.ReadFile(file); err == nil && string(text) == hookScript {
		return nil
	}
	tmp, err := os.CreateTemp(s.root(), ".hook-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // renamed away when all went well
	_, err = tmp.WriteString(hookScript)
	if err = errors.Join(err, tmp.Chmod(0o700), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// create makes a repository, on disk and in the store, unless it is there.
func (s *Server) create(ctx context.Context, name slipway.RepositoryName, by slipway.Actor) error {
	s.creating.Lock()
	defer s.creating.Unlock()
	if err := s.initialize(ctx, s.path(name)); err != nil {
		return err
	}
	_, err := s.Store.Repository(ctx, name)
	if slipway.CodeOf(err) != slipway.NotFound {
		return err
	}
	now := time.Now()
	err = s.Store.CreateRepository(ctx, slipway.Repository{Name: name, CreatedAt: now, CreatedBy: by}, slipway.Event{
		At: now, Kind: slipway.RepositoryCreated, Actor: by, Repository: name,
		Text: fmt.Sprintf("%s made repository %s with its first push", by.Name, name),
	})
	if slipway.CodeOf(err) == slipway.Exists {
		return nil
	}
	return err
}

// initialize makes a bare repository at dir: whole, or not at all.
func (s *Server) initialize(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(s.root(), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // renamed away when all went well
	if _, err := s.run(ctx, tmp, nil, 64<<10, "init", "--quiet", "--bare", "--template=", "--initial-branch=master", "."); err != nil {
		return err
	}
	err = os.Rename(tmp, dir)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// refsOnDisk is what the refs of a repository are.
func (s *Server) refsOnDisk(ctx context.Context, name slipway.RepositoryName) (map[string]slipway.Commit, error) {
	out, err := s.run(ctx, s.path(name), nil, 64<<20, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]slipway.Commit{}
	for line := range strings.Lines(string(out)) {
		if commit, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs[ref] = slipway.Commit(commit)
		}
	}
	return refs, nil
}

// pointHead lets a clone check out the default branch: master or main as soon
// as there is one, until then the first that was pushed.
func (s *Server) pointHead(ctx context.Context, name slipway.RepositoryName, branch string) error {
	dir := s.path(name)
	head, err := s.run(ctx, dir, nil, 4<<10, "symbolic-ref", "HEAD")
	if err != nil {
		return err
	}
	current := strings.TrimSpace(string(head))
	_, err = s.run(ctx, dir, nil, 4<<10, "rev-parse", "--verify", "--quiet", "--end-of-options", current)
	born := err == nil
	if born && (isDefault(current) || !isDefault("refs/heads/"+branch)) {
		return nil
	}
	_, err = s.run(ctx, dir, nil, 4<<10, "symbolic-ref", "HEAD", "refs/heads/"+branch)
	return err
}

func isDefault(ref string) bool { return ref == "refs/heads/master" || ref == "refs/heads/main" }
