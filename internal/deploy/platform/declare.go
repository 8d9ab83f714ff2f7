package platform

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Apply declares the environments as a draft says. Only administrators may, or
// look at what would change.
//
// It returns Forbidden, Invalid with every problem of the text, Conflict when it
// removes an environment in which something lives, and Stale when somebody else
// has declared the environments since version After.
func (p *Platform) Apply(ctx context.Context, by slipway.Principal, d slipway.Draft) (slipway.Applied, error) {
	if !by.CanAdminister() {
		return slipway.Applied{}, slipway.Errorf(slipway.Forbidden, "%s may not declare environments; it needs the role admin", by.Actor.Name)
	}
	return p.apply(ctx, by.Actor, d)
}

func (p *Platform) apply(ctx context.Context, by slipway.Actor, d slipway.Draft) (slipway.Applied, error) {
	all, err := p.Parse(d.File, []byte(d.Text))
	if err != nil {
		return slipway.Applied{}, err
	}
	was, err := p.Store.Declaration(ctx)
	if err != nil {
		return slipway.Applied{}, err
	}
	if d.After >= 0 && d.After != was.Version {
		return slipway.Applied{}, slipway.Errorf(slipway.Stale, "somebody has declared the environments meanwhile: they are at version %d, not %d", was.Version, d.After).
			Do("look at what would change now, and apply again: slipway apply %s", d.File)
	}
	done := slipway.Applied{Declaration: was, Changes: was.Environments.Changes(all), Dry: d.Dry}
	if d.Dry || len(done.Changes) == 0 && was.Source == d.Text && was.Version > 0 {
		return done, nil
	}
	at, err := p.Store.Now(ctx)
	if err != nil {
		return slipway.Applied{}, err
	}
	done.Declaration, err = p.Store.Declare(ctx, slipway.Declaration{
		Environments: all, Source: d.Text, Commit: d.Commit, Actor: by, At: at,
	}, was.Version, slipway.Event{
		At: at, Kind: slipway.EnvironmentsDeclared, Actor: by, Repository: repository(d.Commit),
		Text: fmt.Sprintf("%s declared the environments, version %d%s", by.Person(), was.Version+1, told(done.Changes)),
	})
	if err == nil {
		p.wake(ctx, "") // a freeze may be gone, an approval less
	}
	return done, err
}

func repository(c slipway.Commit) slipway.RepositoryName {
	if c == "" {
		return ""
	}
	return slipway.PlatformRepository
}

// told is what an event says of changes.
func told(all []slipway.EnvironmentChange) string {
	if len(all) == 0 {
		return ", in other words"
	}
	return ": " + strings.Join(lines(all), " · ")
}

// Pushed applies what was pushed to the platform repository, and returns the
// lines to tell the pusher. Of another branch than the default one it only tells
// what would change. Nothing is applied of what has problems.
func (p *Platform) Pushed(ctx context.Context, push slipway.Push) []string {
	if push.IsDelete() || push.Branch() == "" {
		return nil
	}
	isDefault, err := p.isDefault(ctx, push.Branch())
	if err != nil {
		return refused(push, err)
	}
	text, err := p.Source.File(ctx, push.Repository, push.New, slipway.EnvironmentsFile)
	if err != nil {
		return refused(push, err)
	}
	done, err := p.apply(ctx, push.Actor, slipway.Draft{
		File: slipway.EnvironmentsFile, Text: string(text), Commit: push.New, After: -1, Dry: !isDefault,
	})
	if err != nil {
		return refused(push, err)
	}
	var head string
	switch {
	case len(done.Changes) == 0:
		return []string{"slipway  the environments stay as they are"}
	case done.Dry:
		head = fmt.Sprintf("slipway  of branch %s nothing is applied; it would change the environments:", push.Branch())
	default:
		head = fmt.Sprintf("slipway  the environments are at version %d:", done.Declaration.Version)
	}
	return append([]string{head}, indented(lines(done.Changes))...)
}

// isDefault reports whether a branch is what the platform repository is read
// from: the first of master and main that was pushed.
func (p *Platform) isDefault(ctx context.Context, branch string) (bool, error) {
	r, err := p.Store.Repository(ctx, slipway.PlatformRepository)
	if err != nil {
		return false, err
	}
	if r.DefaultBranch == "" {
		return branch == "master" || branch == "main", nil
	}
	return branch == r.DefaultBranch, nil
}

func refused(push slipway.Push, err error) []string {
	head := fmt.Sprintf("slipway  nothing was applied of %s:", push.New.Short())
	return append([]string{head}, indented(strings.Split(slipway.MessageOf(err), "\n"))...)
}

func indented(all []string) []string {
	var out []string
	for _, line := range all {
		out = append(out, "  "+line)
	}
	return out
}
