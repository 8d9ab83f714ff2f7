package process

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Apply starts what is missing of g.
func (d *Driver) Apply(ctx context.Context, g slipway.GroupSpec) error {
	if err := checkGroup(g); err != nil {
		return err
	}
	err := d.ledger.admit(g.Target, g.Fence, func(groups map[slipway.GroupID]int) {
		if groups[g.ID] = g.Replicas; g.Replicas == 0 {
			delete(groups, g.ID)
		}
	})
	if err != nil {
		return err
	}
	if err := d.activate(g); err != nil {
		return err
	}
	if n, err := d.missing(g); n == 0 || err != nil {
		return err
	}
	if err := d.checkSecrets(ctx, g); err != nil {
		return err
	}
	img, err := d.trees.ensure(ctx, g.Revision.Image)
	if err != nil {
		return err
	}
	files := filepath.Join(d.trees.dir, treeName(g.Revision.Image), treeFiles)
	p, err := resolve(files, img, g.Revision.Run.Command)
	if err != nil {
		return err
	}
	if err := checkProbes(g.Revision.Health, files, p.workdir); err != nil {
		return err
	}

	d.act.Lock()
	defer d.act.Unlock()
	if err := d.ledger.admit(g.Target, g.Fence, nil); err != nil { // unpacking may have taken a while
		return err
	}
	n, err := d.missing(g)
	if err != nil {
		return err
	}
	for range n {
		if err := d.start(ctx, g, img, p); err != nil {
			return explain("start an instance of "+g.Target.String(), err)
		}
	}
	return nil
}

func checkGroup(g slipway.GroupSpec) error {
	switch {
	case g.ID == "":
		return slipway.Errorf(slipway.Invalid, "a group of %s has no name", g.Target)
	case g.Replicas < 0 || g.Replicas > slipway.MaxReplicas:
		return slipway.Errorf(slipway.Invalid, "%d replicas of %s; there can be 0 to %d", g.Replicas, g.Target, slipway.MaxReplicas)
	case g.Revision.Kind != slipway.Web && g.Revision.Kind != slipway.Worker:
		return slipway.Errorf(slipway.Invalid, "%s is a %q; this driver runs web and worker", g.Target, g.Revision.Kind)
	}
	for k, v := range g.Revision.Run.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return slipway.Errorf(slipway.Invalid, "%s has a variable that cannot be set: %q", g.Target, k)
		}
	}
	return nil
}

// checkProbes refuses commands that the image does not have.
func checkProbes(h slipway.Health, files, workdir string) error {
	for _, p := range []*slipway.Probe{h.Startup, h.Ready, h.Live} {
		if p == nil || len(p.Exec) == 0 {
			continue
		}
		if _, err := findProgram(files, workdir, p.Exec[0]); err != nil {
			return slipway.Errorf(slipway.Invalid, "a probe cannot be made: %w", err).Do("Look at the exec of health in slipway.yaml.")
		}
	}
	return nil
}

// missing counts the instances that g lacks.
func (d *Driver) missing(g slipway.GroupSpec) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := g.Replicas
	for _, i := range d.instances {
		if i.spec.Target != g.Target || i.spec.Group != g.ID {
			continue
		}
		if i.spec.Revision != g.Revision.ID {
			return 0, slipway.Errorf(slipway.Invalid, "group %s of %s runs revision %s; a group never changes it", g.ID, g.Target, i.spec.Revision)
		}
		if i.ordered.IsZero() {
			n--
		}
	}
	return max(n, 0), nil
}

// start makes one instance: whole on disk first, then alive.
func (d *Driver) start(ctx context.Context, g slipway.GroupSpec, img image, p program) (err error) {
	spec := Spec{
		ID: d.newID(), Target: g.Target, Group: g.ID, Revision: g.Revision.ID, Fence: g.Fence, Active: g.Active, Passive: isPassive(g.Revision),
		CreatedAt: now(),
		Tree:      treeName(g.Revision.Image), Entry: p.entry, Argv: p.argv, Workdir: p.workdir,
		Health: g.Revision.Health, Drain: g.Revision.Run.Drain, StopGrace: g.Revision.Run.StopGrace, Mark: rand.Text(),
	}
	if spec.StopGrace <= 0 {
		spec.StopGrace = slipway.DefaultStopGrace
	}
	if g.Revision.Kind == slipway.Web {
		port, err := d.choosePort(ctx)
		if err != nil {
			return err
		}
		spec.Port = port
	}
	spec.Env = environ(img, g, spec.ID, spec.Port, spec.Mark)
	spec.Socket = d.socket(spec.ID)
	spec.Cgroup = d.cgroup(spec)
	spec.Secrets = given(g.Revision)
	if spec.SecretDir, err = d.secretDir(spec.ID, spec.Secrets); err != nil {
		return err
	}

	i := &instance{
		spec: spec, dir: filepath.Join(d.dir, "instances", string(spec.ID)), socket: spec.Socket, cgroup: spec.Cgroup, heard: make(chan struct{}),
		active: g.Active, report: Report{Phase: slipway.InstanceStarting, Since: spec.CreatedAt, Active: g.Active},
	}
	close(i.heard)
	if err := i.write(); err != nil {
		return err
	}
	d.mu.Lock()
	d.instances[spec.ID] = i
	d.mu.Unlock()
	d.spawn(i)
	d.mu.Lock()
	d.followLocked(i)
	d.mu.Unlock()
	d.tell(spec.Target)
	return nil
}

// write puts the instance on disk, all of it or nothing.
func (i *instance) write() (err error) {
	half := filepath.Join(filepath.Dir(i.dir), ".new-"+filepath.Base(i.dir))
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(half))
		}
	}()
	for _, dir := range []string{half, filepath.Join(half, homeDir), filepath.Join(half, tempDir)} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := saveJSONDurably(filepath.Join(half, specFile), i.spec); err != nil {
		return err
	}
	if err := os.Rename(half, i.dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(i.dir))
}

// newID is short enough to be said aloud.
func (d *Driver) newID() slipway.InstanceID {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		b := make([]byte, 3)
		_, _ = rand.Read(b) // never fails
		id := slipway.InstanceID("i-" + hex.EncodeToString(b))
		if d.instances[id] == nil {
			return id
		}
	}
}

func (d *Driver) socket(id slipway.InstanceID) string {
	return filepath.Join(d.runtime, string(id)+".sock")
}
