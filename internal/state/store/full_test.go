package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/smalldisk"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// A full disk refuses writes in one sentence, keeps what was acknowledged and
// goes on answering reads; with room again, writes go on by themselves.
func TestFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 2<<20)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "sqlite:" + filepath.Join(dir, "slipway.db")
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 10_000)
	acknowledged := int64(0)
	for err == nil {
		if acknowledged > 1000 {
			t.Fatal("the disk does not fill")
		}
		if err = s.AppendEvents(t.Context(), slipway.Event{Text: text}); err == nil {
			acknowledged++
		}
	}
	for range 3 {
		if slipway.CodeOf(err) != slipway.Unavailable || !strings.HasPrefix(slipway.MessageOf(err), "the disk is full") {
			t.Errorf("got %v", err)
		}
		err = s.AppendEvents(t.Context(), slipway.Event{Text: text})
	}
	if n, err := s.LastEvent(t.Context()); n != acknowledged || err != nil {
		t.Errorf("%d events, %d were acknowledged: %v", n, acknowledged, err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendEvents(t.Context(), slipway.Event{Text: text}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = store.Open(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a file system that goes away
	if n, err := s.LastEvent(t.Context()); n != acknowledged+1 || err != nil {
		t.Errorf("%d events, %d were acknowledged: %v", n, acknowledged+1, err)
	}
}
