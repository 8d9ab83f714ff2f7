package blob_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/blob"
)

func opened(t *testing.T) (*blob.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

func TestDeleteOlder(t *testing.T) {
	s, dir := opened(t)
	cut := time.Now().Add(-time.Hour)
	for _, key := range []string{"logs/a/1/1", "logs/a/1/2", "logs/b/1/1"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("four")); err != nil {
			t.Fatal(err)
		}
		old := cut.Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, key), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Touch(t.Context(), "logs/a/1/2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Touch(t.Context(), "logs/a/1"); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("a directory was touched: %v", err)
	}
	for key, want := range map[string]bool{"logs/a/1/1": true, "logs/a/1/2": false, "logs/b/1/1": true, "logs/c/1/1": false, "logs/a": false} {
		size, gone, err := s.DeleteOlder(t.Context(), key, cut)
		if gone != want || err != nil || gone != (size == 4) {
			t.Errorf("%s: %d bytes, gone %v, %v", key, size, gone, err)
		}
	}
	folders, err := s.Folders(t.Context(), "logs")
	if err != nil || len(folders) != 1 || folders[0] != "a" {
		t.Errorf("what is empty stays: %v, %v", folders, err)
	}
}

// Directories come and go under those who put.
func TestPutWhileDirectoriesGo(t *testing.T) {
	s, _ := opened(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			key := "logs/job/1/" + string(rune('0'+i))
			for range 50 {
				if _, err := s.Put(t.Context(), key, strings.NewReader("x")); err != nil {
					t.Error(err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
