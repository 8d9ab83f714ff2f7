package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Bounds of what is read from a repository.
const (
	MaxMessage = 64 << 10 // of a commit; the rest is cut
	MaxFile    = 1 << 20  // a pipeline, a manifest
)

// CommitInfo says what a build shows of the commit that object names: itself,
// or what an annotated tag points to. It returns NotFound when there is none.
func (s *Server) CommitInfo(ctx context.Context, name slipway.RepositoryName, object slipway.Commit) (slipway.CommitInfo, error) {
	if !object.Valid() {
		return slipway.CommitInfo{}, slipway.Errorf(slipway.Invalid, "%q is not a commit", object)
	}
	out, err := s.run(ctx, s.path(name), nil, 16<<20, "log", "-1", "--no-mailmap", "--no-show-signature",
		"--format=%H%x00%an%x00%ae%x00%B", "--end-of-options", string(object)+"^{commit}", "--")
	if err != nil {
		return slipway.CommitInfo{}, slipway.Errorf(slipway.NotFound, "there is no commit %s in %s: %w", object.Short(), name, err)
	}
	parts := strings.SplitN(strings.ToValidUTF8(string(out), "\uFFFD"), "\x00", 4)
	if len(parts) != 4 {
		return slipway.CommitInfo{}, fmt.Errorf("git log printed %q", out)
	}
	message := strings.TrimRight(parts[3], "\n")
	if len(message) > MaxMessage {
		message = strings.ToValidUTF8(message[:MaxMessage], "")
	}
	return slipway.CommitInfo{Commit: slipway.Commit(parts[0]), AuthorName: parts[1], AuthorEmail: parts[2], Message: message}, nil
}

// File reads a file at a commit. It returns NotFound when there is none, and
// TooLarge when it is over [MaxFile].
func (s *Server) File(ctx context.Context, name slipway.RepositoryName, commit slipway.Commit, file string) ([]byte, error) {
	if !commit.Valid() || strings.ContainsAny(file, "\n\x00") {
		return nil, slipway.Errorf(slipway.Invalid, "%q at %q is not a file", file, commit)
	}
	// What is asked comes by standard input: a name there is only ever a name.
	ask := strings.NewReader(string(commit) + ":" + file + "\n")
	out, err := s.run(ctx, s.path(name), ask, MaxFile+4<<10, "cat-file", "--batch")
	if errors.Is(err, errTooMuch) {
		return nil, slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, MaxFile>>10)
	}
	if err != nil {
		return nil, err
	}
	head, content, _ := bytes.Cut(out, []byte("\n"))
	var object, kind string
	var size int
	if _, err := fmt.Sscanf(string(head), "%s %s %d", &object, &kind, &size); err != nil || kind != "blob" {
		return nil, slipway.Errorf(slipway.NotFound, "there is no file %s at %s", file, commit.Short())
	}
	if len(content) < size {
		return nil, fmt.Errorf("git cat-file printed %d of %d bytes", len(content), size)
	}
	return content[:size], nil
}

// Submodules lists the repositories of ours that the commit's .gitmodules
// names, by a relative URL or by our own address. Others are not ours to grant.
func (s *Server) Submodules(ctx context.Context, name slipway.RepositoryName, commit slipway.Commit) ([]slipway.RepositoryName, error) {
	modules, err := s.File(ctx, name, commit, ".gitmodules")
	if slipway.CodeOf(err) == slipway.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := s.run(ctx, s.path(name), bytes.NewReader(modules), MaxFile, "config", "--file", "-", "--no-includes", "-z", "--list")
	if err != nil {
		return nil, slipway.Errorf(slipway.Invalid, ".gitmodules at %s cannot be read: %w", commit.Short(), err)
	}
	var names []slipway.RepositoryName
	for entry := range strings.SplitSeq(string(out), "\x00") {
		key, url, _ := strings.Cut(entry, "\n")
		if !strings.HasPrefix(key, "submodule.") || !strings.HasSuffix(key, ".url") {
			continue
		}
		if n, ok := s.resolve(name, url); ok {
			names = append(names, n)
		}
	}
	return names, nil
}

// resolve says which repository of ours a submodule's URL means.
func (s *Server) resolve(from slipway.RepositoryName, url string) (slipway.RepositoryName, bool) {
	if own, ok := strings.CutPrefix(url, s.URL+"/"); ok {
		url = "/" + own
	} else if strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../") {
		url = path.Join("/git", string(from)+".git", url)
	}
	n, ok := strings.CutPrefix(url, "/git/")
	name := slipway.RepositoryName(strings.TrimSuffix(n, ".git"))
	return name, ok && name.Validate() == nil
}
