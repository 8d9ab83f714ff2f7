package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/secret"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

// TestTwoServersChangeTheKey: secrets are set through two servers while both are
// told to change the master key, and all are sealed for the key that is left.
func TestTwoServersChangeTheKey(t *testing.T) {
	url := storetest.Postgres(t)
	data, err := OpenData(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "master.key")
	env := func(name string) string {
		if name == secret.KeyFileEnv {
			return keyFile
		}
		return ""
	}
	server := func() *settings {
		s, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return newSettings(s, data, env, slog.New(slog.DiscardHandler))
	}
	a, b := server(), server()
	target := slipway.TargetID{Service: "thoughts", Environment: "prod"}
	var all sync.WaitGroup
	for i, s := range []*settings{a, b} {
		all.Go(func() {
			for n := range 20 {
				value := fmt.Sprintf("value %d", n)
				_, err := s.SetSecret(t.Context(), slipway.Secret{Target: target, Name: fmt.Sprintf("SECRET_%d_%d", i, n), At: time.Now().UTC()}, []byte(value))
				if err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 6 {
				if _, _, _, err := s.RotateKey(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := os.Remove(keyFile + ".former"); err != nil {
		t.Errorf("no key was ever changed: %v", err)
	}
	for name, s := range map[string]*settings{"one": a, "the other": b, "one that starts": server()} {
		secrets, err := s.EverySecret(t.Context())
		if err != nil || len(secrets) != 40 {
			t.Fatalf("%d of 40 secrets: %v", len(secrets), err)
		}
		for _, v := range secrets {
			got, err := s.open(v)
			if err != nil || string(got) != "value "+v.Name[len("SECRET_0_"):] {
				t.Errorf("%s opens %s as %q: %v", name, v.Name, got, err)
			}
		}
	}
}
