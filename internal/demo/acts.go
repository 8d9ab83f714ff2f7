package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/examples"
	"github.com/slipway-cd/slipway/internal/load"
)

// What the demo changes: a new version; and one that wants a cache in
// production, where there is none, and is not waited for as long as others.
const (
	goodOld = `version = "1.0.0"`
	goodNew = `version = "1.1.0"`
	badOld  = `prod: { replicas: 3, strategy: rolling }`
	badNew  = `prod: { replicas: 3, strategy: rolling, env: { CACHE_ADDR: "127.0.0.1:1" } }`
	longOld = "live: { http: /healthz, failures: 3 }\n"
	longNew = longOld + "  deadline: 5s\n"
)

// And one that is subtly worse, which no test and no probe sees: each so many
// times it does not answer. It goes to production as a canary.
const (
	subtle    = "1.2.0" // its version
	subtleOld = `	names, err := b.names(r.Context())
`
	subtleNew = `	if b.asked.Add(1)%25 == 0 {
		http.Error(w, "cannot think", http.StatusInternalServerError)
		return
	}
` + subtleOld
	askedOld  = "	http  *http.Client\n"
	askedNew  = askedOld + "	asked atomic.Int64\n"
	importOld = `	"os"
`
	importNew = importOld + `	"sync/atomic"
`
	canaryNew = `prod: { replicas: 3, strategy: canary, canary: { weights: [10%, 50%], hold: 5s, keep_old: 0s } }`
)

// pushAll makes the repositories and pushes them, what others need first.
func (p *play) pushAll(ctx context.Context) error {
	for _, name := range append([]string{examples.Scripts}, services...) {
		if err := p.makeRepository(ctx, name); err != nil {
			return err
		}
	}
	if err := p.push(ctx, examples.Scripts); err != nil {
		return err
	}
	for _, name := range services {
		if err := p.pushService(ctx, name, 1); err != nil {
			return err
		}
	}
	return p.slipway(ctx, "status")
}

// unblockAll lets the first builds into production, what others need first, and
// puts production under load.
func (p *play) unblockAll(ctx context.Context) error {
	for _, name := range services {
		if err := p.unblock(ctx, name, 1); err != nil {
			return err
		}
		if err := p.slipway(ctx, "build", fmt.Sprintf("%s/1", name), "--follow"); err != nil {
			return err
		}
	}
	if err := p.slipway(ctx, "status"); err != nil {
		return err
	}
	urls := map[string]string{}
	for _, name := range services {
		t, err := p.client.Target(ctx, name, "prod")
		if err != nil {
			return err
		}
		if t.Ready != t.Want || t.Release != 1 {
			return broken("%s@1 should serve prod with all instances, but %d of %d of @%d do", name, t.Ready, t.Want, t.Release)
		}
		urls[name] = t.URL
	}
	p.load = load.Start(rate, []load.Aim{
		{Visitor: load.Get(urls[changed] + "/thoughts"), Share: 5},
		{Visitor: load.Get(urls["users-backend"] + "/users"), Share: 2},
		{Visitor: load.Get(urls["frontend"] + "/"), Share: 1},
	})
	p.say("From now on %d requests a second go to production, on kept and on fresh connections.", rate)
	return nil
}

// goodVersion brings a new version into production.
func (p *play) goodVersion(ctx context.Context) error {
	if err := p.edit(changed, "main.go", goodOld, goodNew); err != nil {
		return err
	}
	if err := p.release(ctx, 2, "Think in version 1.1.0"); err != nil {
		return err
	}
	if err := p.log(ctx, 2); err != nil {
		return err
	}
	if _, err := p.newest(ctx, slipway.KindDeploy, 2, slipway.Succeeded); err != nil {
		return err
	}
	return p.serves(ctx, 2)
}

// badVersion tries to bring in a version that is never ready in production.
func (p *play) badVersion(ctx context.Context) error {
	if err := p.edit(changed, "slipway.yaml", badOld, badNew); err != nil {
		return err
	}
	if err := p.edit(changed, "slipway.yaml", longOld, longNew); err != nil {
		return err
	}
	err := p.release(ctx, 3, "Use the cache in production")
	switch {
	case err == nil:
		return broken("a version that is never ready was not refused")
	case !didFail(err):
		return err
	}
	if err := p.log(ctx, 3); err != nil {
		return err
	}
	if _, err := p.newest(ctx, slipway.KindDeploy, 3, slipway.Failed); err != nil {
		return err
	}
	return p.serves(ctx, 2)
}

// subtleVersion tries a version as a canary that is a little worse than what
// serves. Its traffic shows it.
func (p *play) subtleVersion(ctx context.Context) error {
	for _, e := range []struct{ file, from, to string }{
		{"main.go", goodNew, `version = "` + subtle + `"`},
		{"slipway.yaml", badNew, canaryNew}, {"slipway.yaml", longNew, longOld},
		{"thoughts.go", importOld, importNew}, {"thoughts.go", askedOld, askedNew}, {"thoughts.go", subtleOld, subtleNew},
	} {
		if err := p.edit(changed, e.file, e.from, e.to); err != nil {
			return err
		}
	}
	p.tried.from = time.Now()
	err := p.release(ctx, 4, "Think faster")
	p.tried.until = time.Now()
	switch {
	case err == nil:
		return broken("a version that is worse was promoted")
	case !didFail(err):
		return err
	}
	if err := p.log(ctx, 4); err != nil {
		return err
	}
	d, err := p.newest(ctx, slipway.KindDeploy, 4, slipway.RolledBack)
	if err != nil {
		return err
	}
	p.say("%d of its answers were errors. That is what it took.", p.wrong())
	if err := p.picture(ctx, d.ID); err != nil {
		return err
	}
	return p.serves(ctx, 2)
}

// picture saves why the canary went back.
func (p *play) picture(ctx context.Context, d int64) error {
	file := filepath.Join(os.TempDir(), "slipway-demo-canary.svg")
	return p.slipway(ctx, "deployment", strconv.FormatInt(d, 10), "--picture", file)
}

// wrong counts the answers that the subtly worse version gave itself, and gave
// wrong, to whoever asked it or the frontend: nobody lost those on the way.
func (p *play) wrong() (n int) {
	for _, l := range p.load.Losses() {
		its := strings.Contains(l.Why, `"`+changed+"/"+subtle+`": cannot think`)
		passedOn := strings.Contains(l.Why, `by "frontend/`) && l.End.After(p.tried.from) && l.Began.Before(p.tried.until)
		if its || passedOn {
			n++
		}
	}
	return n
}

// lost counts the other requests that were lost.
func (p *play) lost() int { return p.load.Lost() - p.wrong() }

// release pushes a commit of the changed service and follows its build into
// production.
func (p *play) release(ctx context.Context, build int, message string) error {
	if err := p.commit(ctx, changed, message); err != nil {
		return err
	}
	if err := p.pushService(ctx, changed, build); err != nil {
		return err
	}
	if err := p.unblock(ctx, changed, build); err != nil {
		return err
	}
	return p.slipway(ctx, "build", fmt.Sprintf("%s/%d", changed, build), "--follow")
}

// log shows how a build's deployment to production went.
func (p *play) log(ctx context.Context, build int) error {
	return p.slipway(ctx, "build", fmt.Sprintf("%s/%d", changed, build), "--log", "Deploy to Production")
}

func (p *play) rollBack(ctx context.Context) error {
	if err := p.slipway(ctx, "rollback", changed, "prod"); err != nil {
		return err
	}
	if _, err := p.newest(ctx, slipway.KindRollback, 1, slipway.Succeeded); err != nil {
		return err
	}
	return p.serves(ctx, 1)
}

// newest is the newest deployment of the changed service in prod, which has to
// be of that kind and release, and to have ended so.
func (p *play) newest(ctx context.Context, kind slipway.DeploymentKind, release int, phase slipway.Phase) (api.Deployment, error) {
	all, err := p.client.Deployments(ctx, changed, "prod", 1)
	switch {
	case err != nil:
		return api.Deployment{}, err
	case len(all) == 0:
		return api.Deployment{}, broken("there is no deployment of %s to prod", changed)
	}
	d := all[0]
	if d.Kind != string(kind) || d.Release != release || d.Phase != string(phase) {
		return d, broken("the %s of %s@%d to prod should be %s, but deployment %d is a %s of @%d that is %s",
			kind, changed, release, phase, d.ID, d.Kind, d.Release, d.Phase)
	}
	return d, nil
}

// serves checks that a release of the changed service serves prod with every
// instance, and that the load meets it and no other.
func (p *play) serves(ctx context.Context, release int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t, err := p.client.Target(ctx, changed, "prod")
		switch {
		case err == nil && t.Release == release && t.Ready == t.Want:
			p.say("%s@%d serves: %d of %d ready. Requests so far: %d, lost: %d.", changed, release, t.Ready, t.Want, p.load.Sent(), p.lost())
			return nil
		case err == nil && t.Release != release:
			return broken("%s@%d should serve prod, but @%d does", changed, release, t.Release)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return broken("%s@%d does not serve prod with every instance", changed, release)
		}
	}
}
