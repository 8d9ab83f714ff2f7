package process

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
)

// Secrets opens secrets of a target. What it returns by name is given to
// instances and kept nowhere else. When it fails it is asked again.
type Secrets func(ctx context.Context, t slipway.TargetID, versions []slipway.SecretVersion) (map[string][]byte, error)

// Given is a secret that an instance has, and how: its value is in no file of
// the instance's directory. It reaches the shim through its socket, when the
// driver connects, and stays in the shim's memory.
type Given struct {
	Name    string
	Version int
	File    bool
}

// given pairs the secrets that a revision's program wants with their versions.
func given(r slipway.Revision) []Given {
	var all []Given
	for _, use := range r.Run.Secrets {
		for _, v := range r.Secrets {
			if v.Name == use.Name {
				all = append(all, Given{v.Name, v.Version, use.File})
			}
		}
	}
	return all
}

func versions(all []Given) []slipway.SecretVersion {
	out := make([]slipway.SecretVersion, len(all))
	for i, g := range all {
		out[i] = slipway.SecretVersion{Name: g.Name, Version: g.Version}
	}
	return out
}

// checkSecrets refuses a group whose secrets cannot be given, before anything of
// it is started.
func (d *Driver) checkSecrets(ctx context.Context, g slipway.GroupSpec) error {
	all := given(g.Revision)
	if len(all) != len(g.Revision.Run.Secrets) {
		return slipway.Errorf(slipway.Invalid, "the revision %s of %s does not say which versions of its secrets it has", g.Revision.ID, g.Target)
	}
	if len(all) == 0 {
		return nil
	}
	if d.secrets == nil {
		return slipway.Errorf(slipway.Invalid, "%s wants secrets, and there are none here", g.Target)
	}
	values, err := d.secrets(ctx, g.Target, versions(all))
	if err != nil {
		return err
	}
	for _, s := range all {
		value, ok := values[s.Name]
		switch {
		case !ok:
			return slipway.Errorf(slipway.NotFound, "%s has no secret %s@%d", g.Target, s.Name, s.Version)
		case !s.File && bytes.IndexByte(value, 0) >= 0:
			return slipway.Errorf(slipway.Invalid, "the secret %s of %s has a zero byte, which a variable cannot hold", s.Name, g.Target).
				Do("Ask for it as a file in slipway.yaml: { name: %s, as: file }", s.Name)
		}
	}
	return nil
}

// What a driver says to a shim, beside bare new lines: one of these, the length
// in four bytes, and so many bytes.
const (
	sayValues  = 'V' // the secrets by name, as JSON
	sayLack    = 'L' // why there are none, for people
	maxMessage = 32 << 20
)

// hand gives i's shim the secrets of i, as soon as they can be had, while conn
// is open.
func (d *Driver) hand(ctx context.Context, i *instance, conn net.Conn) {
	if len(i.spec.Secrets) == 0 {
		return
	}
	for failures := 1; ctx.Err() == nil; failures++ {
		kind, text := byte(sayValues), []byte(nil)
		values, err := d.openSecrets(ctx, i)
		if err == nil {
			text, err = json.Marshal(values)
		}
		if err != nil {
			d.log.Warn("secrets cannot be given", "instance", i.spec.ID, "err", err)
			kind, text = sayLack, []byte(slipway.MessageOf(err))
		}
		sent := say(conn, kind, text)
		clear(text)
		if sent != nil || kind == sayValues {
			return // without a connection there will be another
		}
		select {
		case <-time.After(backoff(failures)):
		case <-ctx.Done():
		}
	}
}

func (d *Driver) openSecrets(ctx context.Context, i *instance) (map[string][]byte, error) {
	if d.secrets == nil {
		return nil, slipway.Errorf(slipway.Unavailable, "there are no secrets here")
	}
	return d.secrets(ctx, i.spec.Target, versions(i.spec.Secrets))
}

func say(conn net.Conn, kind byte, text []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(text)))
	_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err := conn.Write(append(head, text...))
	return err
}

// secretDir is where files with secrets of an instance are: in memory where that
// can be, and for us alone. "" when it has none.
func (d *Driver) secretDir(id slipway.InstanceID, all []Given) (string, error) {
	for _, s := range all {
		if s.File {
			home, err := prepare(d.secretHome())
			return filepath.Join(home, string(id)), err
		}
	}
	return "", nil
}

func (d *Driver) secretHome() string {
	const memory = "/dev/shm"
	if !inMemory(d.runtime) && inMemory(memory) {
		return filepath.Join(memory, filepath.Base(d.runtime)+"-secrets")
	}
	return filepath.Join(d.runtime, "secrets")
}

// dropSecrets removes the files of an instance whose shim had no time to.
func dropSecrets(s Spec) {
	if s.SecretDir != "" {
		_ = os.RemoveAll(s.SecretDir)
	}
}

// sweepSecrets removes the files of instances that are not there any more.
func (d *Driver) sweepSecrets() {
	entries, err := os.ReadDir(d.secretHome())
	if err != nil || ownedByUs(d.secretHome()) != nil {
		return
	}
	for _, e := range entries {
		if d.instances[slipway.InstanceID(e.Name())] == nil {
			_ = os.RemoveAll(filepath.Join(d.secretHome(), e.Name()))
		}
	}
}
