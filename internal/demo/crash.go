package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// failpoints is the file that the server looks into at its failpoints. When it
// comes to the one that the file names, it renames the file to *.hit and kills
// itself with SIGKILL.
func (p *play) failpoints() string { return filepath.Join(p.dir, "failpoints") }

func (p *play) arm() error {
	return os.WriteFile(p.failpoints(), []byte("controller.committed "+changed+"/prod\n"), 0o600)
}

func (p *play) disarm() { _ = os.Remove(p.failpoints()) }

func (p *play) hit() bool {
	_, err := os.Stat(p.failpoints() + ".hit")
	return !errors.Is(err, fs.ErrNotExist)
}

// crash kills the server in the middle of a rollout, after it has committed a
// decision and before it acts on it, and shows that the rollout completes.
func (p *play) crash(ctx context.Context) error {
	for range 3 { // the rollout may be over before the moment comes
		id, done, err := p.roll(ctx)
		if err != nil {
			return err
		}
		if done {
			return p.proof(ctx, id)
		}
		p.say("The rollout was over before the server could be killed. Once more.")
		if err := p.slipway(ctx, "rollback", changed, "prod", "--to", "1"); err != nil {
			return err
		}
	}
	return broken("the server could not be killed in the middle of a rollout")
}

// roll moves on to the good release again. In the middle of it the failpoint is
// armed; roll reports whether it was hit.
func (p *play) roll(ctx context.Context) (id int64, hit bool, err error) {
	before, err := p.client.Deployments(ctx, changed, "prod", 1)
	if err != nil {
		return 0, false, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	armed := make(chan int64, 1)
	go func() { armed <- p.armInTheMiddle(watching, before[0].ID) }()
	pid := p.serverPID()
	if err := p.slipway(ctx, "deploy", "prod", changed+"@2"); err != nil {
		return 0, false, err
	}
	stop()
	id = <-armed
	if !p.hit() {
		p.disarm()
		return id, false, nil
	}
	p.kills++
	p.say("The server (process %d) was killed; now it is process %d. The command above waited for it.", pid, p.serverPID())
	return id, true, nil
}

// armInTheMiddle arms the failpoint when the first deployment after before has
// acted once. It returns the deployment.
func (p *play) armInTheMiddle(ctx context.Context, before int64) int64 {
	for e, err := range p.client.Events(ctx, -1, true, api.EventFilter{Service: changed, Environment: "prod"}) {
		if err != nil {
			return 0
		}
		if e.Deployment > before && e.Kind == string(slipway.DeploymentActed) {
			if err := p.arm(); err != nil {
				return 0
			}
			return e.Deployment
		}
	}
	return 0
}

// proof finds the moment in the event log: planned, then a server that starts,
// and only then acted.
func (p *play) proof(ctx context.Context, id int64) error {
	d, err := p.client.Deployment(ctx, id)
	switch {
	case err != nil:
		return err
	case d.Phase != string(slipway.Succeeded):
		return broken("deployment %d should have completed, but it is %s", id, d.Phase)
	}
	var planned *api.Event
	for e, err := range p.client.Events(ctx, 0, false, api.EventFilter{}) {
		switch {
		case err != nil:
			return err
		case e.Kind == string(slipway.ServerStarted) && planned != nil:
			p.say("The event log proves it:")
			p.event(*planned)
			p.event(e)
			p.say("   no %s between them; afterwards the rollout completed: @%d serves since %s",
				slipway.DeploymentActed, d.Release, d.FinishedAt.Local().Format(time.TimeOnly))
			return p.serves(ctx, d.Release)
		case e.Deployment != id:
		case e.Kind == string(slipway.DeploymentPlanned):
			planned = &e
		case e.Kind == string(slipway.DeploymentActed):
			planned = nil
		}
	}
	return broken("the event log shows no kill between %s and %s of deployment %d", slipway.DeploymentPlanned, slipway.DeploymentActed, id)
}

func (p *play) event(e api.Event) {
	p.say("   %6d  %s  %-20s %s", e.Seq, e.At.Local().Format("15:04:05.000"), e.Kind, fmt.Sprint(e.Text))
}
