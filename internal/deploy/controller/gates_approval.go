package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// judgeApproval waits until as many people have agreed as the environment asks
// for, as it is declared now. An approval counts for the image that it was given
// to.
func (c *Controller) judgeApproval(ctx context.Context, p plea) (slipway.Verdict, error) {
	all, err := c.environments(ctx)
	if err != nil {
		return slipway.Verdict{}, err
	}
	env, err := all.Find(p.Target.Environment)
	if err != nil {
		return waits(slipway.MessageOf(err)), nil // it was removed meanwhile
	}
	if env.Approvals.Count == 0 {
		return passes("no approval needed"), nil
	}
	authors, err := c.authors(ctx, p, env.Approvals)
	if err != nil {
		return slipway.Verdict{}, err
	}
	given, err := c.Gatekeeper.Approvals(ctx, p.ID)
	if err != nil {
		return slipway.Verdict{}, err
	}
	var by, stale []string
	for _, a := range given {
		switch who := a.Actor.Person(); {
		case a.Digest != p.revision.Image:
			stale = append(stale, who)
		case a.Role.AtLeast(env.Approvals.Role) && !slices.Contains(authors, who):
			by = append(by, who)
		}
	}
	return p.tally(env.Approvals, by, stale), nil
}

// tally says whether those who agreed are enough.
func (p plea) tally(asked slipway.Approvals, by, stale []string) slipway.Verdict {
	if len(by) >= asked.Count {
		return passes("approved by " + strings.Join(by, ", "))
	}
	text := fmt.Sprintf("needs %d of %d approvals by %s", asked.Count-len(by), asked.Count, asked.Role.Article())
	if asked.NotAuthor {
		text += " who is not the author"
	}
	text += fmt.Sprintf(": slipway approve %d", p.ID)
	if len(by) > 0 {
		text += " · approved by " + strings.Join(by, ", ")
	}
	if len(stale) > 0 {
		text += " · " + strings.Join(stale, ", ") + " approved another image"
	}
	return waits(text)
}

// authors are those whose approval does not count, where that is asked for: who
// pushed the commit, and who asked for the deployment.
func (c *Controller) authors(ctx context.Context, p plea, asked slipway.Approvals) ([]string, error) {
	if !asked.NotAuthor {
		return nil, nil
	}
	return c.Authors(ctx, *p.Deployment)
}

// Authors are who pushed the commit of a deployment, and who asked for it.
func (c *Controller) Authors(ctx context.Context, d slipway.Deployment) ([]string, error) {
	who := []string{d.Actor.Person()}
	r, err := c.Store.Release(ctx, d.Target.Service, d.Release)
	if err != nil || c.Gatekeeper == nil {
		return who, err
	}
	who = append(who, r.Actor.Person())
	if r.Build == "" {
		return who, nil
	}
	b, err := c.Gatekeeper.Build(ctx, r.Build)
	if slipway.CodeOf(err) == slipway.NotFound { // kept no longer
		return who, nil
	}
	return append(who, b.Push.Actor.Person()), err
}
