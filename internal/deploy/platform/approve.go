package platform

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-cd/slipway"
)

// gateApproval is what the controller calls the gate that waits for approvals.
const gateApproval slipway.GateID = "approval"

// Approve is a person's agreement to a deployment that waits for it: to the
// image that it would start. Approving twice is harmless.
//
// It returns NotFound, Conflict when it waits for no approval, and Forbidden,
// with the reason, for those whose approval would not count.
func (p *Platform) Approve(ctx context.Context, by slipway.Principal, id slipway.DeploymentID) (slipway.Deployment, error) {
	d, err := p.Store.Deployment(ctx, id)
	if err != nil {
		return d, err
	}
	env, err := p.environment(ctx, d.Target.Environment)
	if err != nil {
		return d, err
	}
	switch {
	case d.Phase.Ended():
		return d, slipway.Errorf(slipway.Conflict, "deployment %d has ended", id)
	case d.Phase != slipway.Pending:
		return d, slipway.Errorf(slipway.Conflict, "deployment %d has started already", id)
	case env.Approvals.Count == 0 || !slices.Contains(d.Gates, gateApproval):
		return d, slipway.Errorf(slipway.Conflict, "deployment %d needs no approval", id)
	}
	if err := p.mayApprove(ctx, by, d, env); err != nil {
		return d, err
	}
	r, err := p.Store.Revision(ctx, d.Revision)
	if err != nil {
		return d, err
	}
	now, err := p.Store.Now(ctx)
	if err != nil {
		return d, err
	}
	err = p.Store.Approve(ctx, slipway.Approval{Deployment: id, Digest: r.Image, Actor: by.Actor, Role: by.Role, At: now}, slipway.Event{
		At: now, Kind: slipway.DeploymentApproved, Actor: by.Actor, Target: d.Target, Deployment: id, Build: d.Build,
		Text: fmt.Sprintf("%s approved deployment %d, %s (%s) to %s", by.Actor.Person(), id,
			slipway.ReleaseName(d.Target.Service, d.Release), r.Image.Short(), d.Target.Environment),
	})
	if err == nil {
		p.Wake(d.Target)
	}
	return d, err
}

// mayApprove says why an approval would not count.
func (p *Platform) mayApprove(ctx context.Context, by slipway.Principal, d slipway.Deployment, env slipway.Environment) error {
	asked := env.Approvals
	switch {
	case by.Job != nil:
		return slipway.Errorf(slipway.Forbidden, "a job never approves: people do")
	case !by.Role.AtLeast(asked.Role):
		return slipway.Errorf(slipway.Forbidden, "%s may not approve for %s; that needs %s", by.Actor.Name, env.Name, asked.Role.Article())
	case asked.Role.AtLeast(slipway.Deployer) && !by.CanDeploy(env.Name):
		return slipway.Errorf(slipway.Forbidden, "%s may not approve for %s, where they may not deploy", by.Actor.Name, env.Name)
	case !asked.NotAuthor:
		return nil
	}
	authors, err := p.Authors(ctx, d)
	if err != nil {
		return err
	}
	if slices.Contains(authors, by.Actor.Person()) {
		return slipway.Errorf(slipway.Forbidden, "%s pushed this commit or asked for the deployment; in %s somebody else has to agree", by.Actor.Person(), env.Name)
	}
	return nil
}
