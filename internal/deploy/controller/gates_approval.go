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
	if p.gone != nil {
		return waits(slipway.MessageOf(p.gone)), nil
	}
	asked := p.env.Approvals
	if asked.Count == 0 {
		return passes("no approval needed"), nil
	}
	var authors []string // whose approval does not count
	if asked.NotAuthor {
		var err error
		if authors, err = c.Authors(ctx, *p.Deployment); err != nil {
			return slipway.Verdict{}, err
		}
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
		case a.Role.AtLeast(asked.Role) && !slices.Contains(authors, who):
			by = append(by, who)
		}
	}
	return p.tally(by, stale), nil
}

// tally says whether those who agreed are enough.
func (p plea) tally(by, stale []string) slipway.Verdict {
	asked := p.env.Approvals
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
