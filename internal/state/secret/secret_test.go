package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
)

var (
	shop = slipway.TargetID{Service: "shop", Environment: "prod"}
	what = What{shop, "DATABASE_URL", 3}
)

const value = "postgres://app:hunter22@db/shop"

// home is a place for a key beside a data directory.
func home(t *testing.T) Place {
	t.Helper()
	dir := t.TempDir()
	p, err := Find(filepath.Join(dir, "data"), func(name string) string { return map[string]string{"XDG_CONFIG_HOME": dir}[name] })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func seal(t *testing.T, r *Keyring, w What) []byte {
	t.Helper()
	sealed, err := r.Seal(w, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestOpensAsWhatItWasSealedForOnly(t *testing.T) {
	p := home(t)
	r := New(p)
	sealed := seal(t, r, what)
	if bytes.Contains(sealed, []byte("hunter22")) {
		t.Fatal("it is not sealed")
	}
	if got, err := New(p).Open(what, sealed); err != nil || string(got) != value {
		t.Fatalf("%q, %v", got, err)
	}
	for _, other := range []What{
		{slipway.TargetID{Service: "shop", Environment: "test"}, what.Name, 3},
		{slipway.TargetID{Service: "sho", Environment: "prod"}, what.Name, 3},
		{shop, "DATABASE_UR", 3}, {shop, what.Name, 2}, {shop, what.Name, 33},
		{slipway.TargetID{Service: "shopprod"}, what.Name, 3},
	} {
		if got, err := r.Open(other, sealed); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("opens as %s: %q, %v", other, got, err)
		}
	}
	for at := range sealed {
		broken := bytes.Clone(sealed)
		broken[at] ^= 1
		if got, err := r.Open(what, broken); err == nil {
			t.Errorf("opens with byte %d changed: %q", at, got)
		} else if strings.Contains(err.Error(), "hunter") {
			t.Errorf("tells the value: %v", err)
		}
	}
	if _, err := r.Open(what, sealed[:20]); err == nil {
		t.Error("opens a half")
	}
	if _, err := r.Seal(what, make([]byte, MaxValue+1)); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("seals too much: %v", err)
	}
}

func TestKeyIsMadeForUsAlone(t *testing.T) {
	p := home(t)
	if _, err := os.Stat(p.File); err == nil {
		t.Fatal("made before it was used")
	}
	sealed := seal(t, New(p), what)
	info, err := os.Stat(p.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if err := os.Chmod(p.File, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := New(p).Open(what, sealed); slipway.CodeOf(err) != slipway.Unavailable || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("uses a key that others can read: %v", err)
	}
	if err := os.WriteFile(p.File, []byte("AGE-SECRET-KEY-1NOTAKEYHUNTER22"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.File, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(p).Open(what, sealed); slipway.CodeOf(err) != slipway.Unavailable || strings.Contains(err.Error(), "HUNTER") {
		t.Errorf("a broken key: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	unit := filepath.Join(dir, "credentials")
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(unit, 0o700), os.WriteFile(filepath.Join(unit, credential), nil, 0o400)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "data"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		want string
		ours bool
	}{
		{map[string]string{CredentialsEnv: unit, KeyFileEnv: "/x/key"}, filepath.Join(unit, credential), false},
		{map[string]string{CredentialsEnv: dir, KeyFileEnv: "/x/key"}, "/x/key", true},
		{map[string]string{"XDG_CONFIG_HOME": "/c"}, "/c/slipway/master.key", true},
		{map[string]string{KeyFileEnv: filepath.Join(dir, "data", "key")}, "", false},
		{map[string]string{KeyFileEnv: filepath.Join(dir, "link", "key")}, "", false},
		{map[string]string{"XDG_CONFIG_HOME": filepath.Join(dir, "data")}, "", false},
	} {
		p, err := Find(filepath.Join(dir, "data"), func(name string) string { return c.env[name] })
		if c.want == "" {
			if slipway.CodeOf(err) != slipway.Invalid {
				t.Errorf("%v: %v, %v; want it refused", c.env, p, err)
			}
			continue
		}
		if err != nil || p.File != c.want || p.Ours != c.ours {
			t.Errorf("%v: %+v, %v", c.env, p, err)
		}
	}
}

func TestAnotherKeySaysWhatToDo(t *testing.T) {
	p, other := home(t), home(t)
	sealed := seal(t, New(p), what)
	for range 2 { // without a key, then with another
		r := New(other)
		err := r.Holds(sealed)
		_, opened := r.Open(what, sealed)
		if slipway.CodeOf(err) != slipway.Unavailable || opened == nil || !strings.Contains(err.Error(), other.File) || !strings.Contains(err.Error(), "slipway secret set") {
			t.Errorf("%v, %v", err, opened)
		}
		seal(t, r, what)
	}
	// The way back that the error names.
	line, err := os.ReadFile(p.File)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(other.File, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(line); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if got, err := New(other).Open(what, sealed); err != nil || string(got) != value {
		t.Errorf("%q, %v", got, err)
	}
}

// A file that vanishes while its key is in use is not replaced by another key.
func TestAKeyThatIsGoneIsMissed(t *testing.T) {
	p := home(t)
	r := New(p)
	sealed := seal(t, r, what)
	if err := os.Remove(p.File); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Seal(what, []byte(value)); slipway.CodeOf(err) != slipway.Unavailable || !strings.Contains(err.Error(), "is gone from "+p.File) {
		t.Errorf("seals: %v", err)
	}
	if _, err := os.Stat(p.File); err == nil {
		t.Error("another key was made")
	}
	if got, err := r.Open(what, sealed); err != nil || string(got) != value {
		t.Errorf("%q, %v", got, err)
	}
}

// vault is all envelopes in memory; it fails after some writes.
type vault struct {
	all   []slipway.Secret
	fails int // after so many writes; -1: never
}

var errCut = errors.New("cut off")

func (v *vault) EverySecret(context.Context) ([]slipway.Secret, error) {
	if v.fails == 0 {
		return nil, errCut
	}
	return append([]slipway.Secret(nil), v.all...), nil
}

func (v *vault) ResealSecret(_ context.Context, s slipway.Secret, sealed []byte) error {
	if v.fails == 1 {
		return errCut
	}
	v.fails--
	for i, known := range v.all {
		if known.Name == s.Name && bytes.Equal(known.Sealed, s.Sealed) {
			v.all[i].Sealed = sealed
		}
	}
	return nil
}

func TestRotationCanBeInterruptedAnywhere(t *testing.T) {
	const n = 3
	for cut := range n + 2 {
		p := home(t)
		r := New(p)
		v := &vault{fails: cut}
		for i := range n {
			name := fmt.Sprint("S", i)
			v.all = append(v.all, slipway.Secret{Target: shop, Name: name, Version: 1, Sealed: seal(t, r, What{shop, name, 1})})
		}
		before := append([]slipway.Secret(nil), v.all...)
		_, err := r.Rotate(t.Context(), v)
		if done := cut == n+1; (err == nil) != done {
			t.Fatalf("cut %d: %v", cut, err)
		}
		opens := func(when string, r *Keyring, all []slipway.Secret) {
			t.Helper()
			for _, s := range all {
				if got, err := r.Open(What{s.Target, s.Name, s.Version}, s.Sealed); err != nil || string(got) != value {
					t.Errorf("cut %d, %s: %q, %v", cut, when, got, err)
				}
			}
		}
		opens("same process", r, v.all)
		r = New(p) // after a crash
		opens("another process", r, v.all)
		v.fails = -1
		done, err := r.Rotate(t.Context(), v)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		opens("at the end", New(p), v.all)
		opens("of a backup from before", New(p), before)
		text, err := os.ReadFile(p.File)
		if err != nil || strings.Count(string(text), "AGE-SECRET-KEY-1") != 1 || done.Former == "" {
			t.Errorf("cut %d: the old key is still in place: %+v %v", cut, done, err)
		}
	}
}

func TestRotationOfACredentialUsesItsFirstKey(t *testing.T) {
	p := home(t)
	v := &vault{fails: -1, all: []slipway.Secret{{Target: shop, Name: "S", Version: 1, Sealed: seal(t, New(p), What{shop, "S", 1})}}}
	k, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	old, err := p.load()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.save(append([]key{k}, old...)); err != nil {
		t.Fatal(err)
	}
	p.Ours = false
	done, err := New(p).Rotate(t.Context(), v)
	if err != nil || done.Key != k.id.String() || done.Resealed != 1 || done.Former != "" {
		t.Errorf("%+v, %v", done, err)
	}
}
