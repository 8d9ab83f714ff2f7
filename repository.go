package slipway

import (
	"strings"
	"time"
)

// Repository is a git repository that Slipway serves. Builds belong to it; it
// may hold a service or serve as a submodule of others.
type Repository struct {
	Name          RepositoryName
	DefaultBranch string // master or main, the first pushed; "" before the first push of either
	CreatedAt     time.Time
	CreatedBy     Actor
}

// Push is one change of one ref, as git's post-receive hook reports it. The
// same push delivered twice makes one build.
type Push struct {
	Repository RepositoryName
	Ref        string // refs/heads/master, refs/tags/v1
	Old, New   Commit // all zeros: created, deleted
	Actor      Actor
	// Environments are those that the pusher's changes are limited to; empty
	// means all.
	Environments []EnvironmentName
}

// Branch is the name of the pushed branch, "" for other refs.
func (p Push) Branch() string {
	b, ok := strings.CutPrefix(p.Ref, "refs/heads/")
	if !ok {
		return ""
	}
	return b
}

// Tag is the name of the pushed tag, "" for other refs.
func (p Push) Tag() string {
	t, ok := strings.CutPrefix(p.Ref, "refs/tags/")
	if !ok {
		return ""
	}
	return t
}

// IsDelete reports whether the ref was deleted.
func (p Push) IsDelete() bool { return p.New.IsZero() }

// CommitInfo is what a build shows of its commit.
type CommitInfo struct {
	Commit      Commit
	Message     string // whole; subject is its first line
	AuthorName  string
	AuthorEmail string
}

// Subject is the first line of the message.
func (c CommitInfo) Subject() string {
	s, _, _ := strings.Cut(c.Message, "\n")
	return s
}
