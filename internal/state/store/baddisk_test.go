package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/baddisk"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// What a disk that failed may not have kept is written anew elsewhere before
// anything is acknowledged again, by the same process or by another.
func TestBadDisk(t *testing.T) {
	disk := baddisk.Mount(t, 32<<20)
	file := filepath.Join(disk.Dir, "slipway.db")
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), "sqlite:"+file)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	acknowledged := int64(0)
	write := func(s *store.Store) error {
		err := s.AppendEvents(t.Context(), slipway.Event{Text: strings.Repeat("x", 30_000)})
		if err == nil {
			acknowledged++
		}
		return err
	}
	size := func() int64 {
		t.Helper()
		i, err := os.Stat(file + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	s := open()
	for _, next := range []func() *store.Store{func() *store.Store { return s }, open} {
		for range 10 {
			if err := write(s); err != nil {
				t.Fatal(err)
			}
		}
		disk.Break(t)
		for range 3 {
			if err := write(s); slipway.CodeOf(err) != slipway.Unavailable || !strings.HasPrefix(slipway.MessageOf(err), "the disk under the database file") {
				t.Errorf("on a disk that fails: %v", err)
			}
		}
		before := size()
		disk.Mend(t)
		s = next()
		if err := write(s); err != nil {
			t.Fatal(err)
		}
		if after := size(); after > before/3 {
			t.Errorf("the log of writes has %d bytes and had %d: it was not emptied", after, before)
		}
	}
	if n, err := s.LastEvent(t.Context()); n != acknowledged || err != nil {
		t.Errorf("%d events, %d were acknowledged: %v", n, acknowledged, err)
	}
}
