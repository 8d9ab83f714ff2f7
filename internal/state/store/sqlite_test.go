package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

func TestURLs(t *testing.T) {
	dir := t.TempDir()
	for url, want := range map[string]slipway.Code{
		"":                                      slipway.Invalid,
		"mysql://user:secret@host/db":           slipway.Invalid,
		"sqlite:relative.db":                    slipway.Invalid,
		"sqlite:" + dir:                         slipway.Unavailable,
		"sqlite:" + dir + "/missing/slipway.db": slipway.Unavailable,
		"sqlite:" + dir + "/a b?c%20#d&_pragma=x.db": "",
	} {
		s, err := store.Open(t.Context(), url)
		if slipway.CodeOf(err) != want {
			t.Errorf("%s: %v", url, err)
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil && strings.Contains(slipway.MessageOf(err), "secret") {
			t.Errorf("the message tells the password: %v", err)
		}
	}
	if _, err := os.Stat(dir + "/a b?c%20#d&_pragma=x.db"); err != nil {
		t.Error(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slipway.db")
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a temporary file
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("slipway.db%s: %v, %v", suffix, info.Mode(), err)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"not a database":    func([]byte) []byte { return []byte(strings.Repeat("hello", 2000)) },
		"header":            func(b []byte) []byte { copy(b, "garbage"); return b },
		"cut off":           func(b []byte) []byte { return b[:len(b)/2] },
		"a page was zeroed": func(b []byte) []byte { clear(b[4096:8192]); return b },
		"the last page":     func(b []byte) []byte { copy(b[len(b)-4096:], strings.Repeat("\xff", 4096)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "slipway.db")
			s, err := store.Open(t.Context(), "sqlite:"+path)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damaged := damage(content)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			before := string(damaged)
			_, err = store.Open(t.Context(), "sqlite:"+path)
			message := slipway.MessageOf(err)
			if slipway.CodeOf(err) != slipway.Internal || !strings.Contains(message, path) || !strings.Contains(message, "damaged") {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != before {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestOpenForOtherPackages(t *testing.T) {
	if n, err := storetest.Open(t).LastEvent(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// A pragma reaches the connection that it is sent over: so they are in the
// address of all.
func TestPragmas(t *testing.T) {
	s := storetest.Open(t)
	for query, want := range map[string]string{
		"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA foreign_keys": "1", "PRAGMA busy_timeout": "5000",
	} {
		got, err := store.Settings(t.Context(), s, query)
		if err != nil || len(got) != 5 {
			t.Fatal(got, err)
		}
		for _, v := range got {
			if v != want {
				t.Errorf("%s is %q", query, got)
				break
			}
		}
	}
}

// Two processes write to one file. A transaction that began to read and then
// wants to write could not go on when the other has written meanwhile: so each
// begins as a writer, and waits.
func TestWritersOfTwoProcessesWait(t *testing.T) {
	url := storetest.SQLite(t)
	var stores []*store.Store
	for range 2 {
		s, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		stores = append(stores, s)
	}
	p := slipway.Push{Repository: "web", Ref: "refs/heads/master"}
	if err := stores[0].CreateRepository(t.Context(), slipway.Repository{Name: "web"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := stores[0].RecordPush(t.Context(), p, "", &slipway.Build{ID: "b", Push: p}); err != nil {
		t.Fatal(err)
	}
	const each = 50
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			for range each {
				_, err := s.UpdateBuild(t.Context(), "b", func(b *slipway.Build) ([]slipway.Event, error) {
					b.Jobs = append(b.Jobs, slipway.Job{ID: slipway.JobID(fmt.Sprint("j", len(b.Jobs)))})
					return nil, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if b, err := stores[1].Build(t.Context(), "b"); err != nil || len(b.Jobs) != 2*each {
		t.Errorf("%d of %d changes, %v", len(b.Jobs), 2*each, err)
	}
}
