package blob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/blob"
)

func TestWhatWasPutIsThere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, key := range []string{"logs/019a/1", "sha256/ab/" + strings.Repeat("ab", 32), "a", "a-b_c.d:e+f=g@h"} {
		for _, content := range []string{"", "first", strings.Repeat("second", 100_000)} {
			put(t, s, key, content)
			if got := get(t, s, key); got != content {
				t.Errorf("%s: got %d bytes, put %d", key, len(got), len(content))
			}
			if size, exists, err := s.Exists(t.Context(), key); err != nil || !exists || size != int64(len(content)) {
				t.Errorf("Exists(%s) = %d, %v, %v", key, size, exists, err)
			}
		}
	}
	if got := get(t, open(t, dir), "a"); !strings.HasPrefix(got, "second") {
		t.Errorf("after opening again: %.10q", got)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".incoming")); len(left) > 0 {
		t.Errorf("%d files are left over", len(left))
	}
}

func TestMissing(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "logs/a/1", "x")
	for _, key := range []string{"logs/a/2", "nothing", "logs/a/1/deeper", "logs/a"} {
		if _, _, err := s.Get(t.Context(), key); slipway.CodeOf(err) != slipway.NotFound {
			t.Errorf("Get(%s): %v", key, err)
		}
		if _, err := s.ReadRange(t.Context(), key, 0, 1); slipway.CodeOf(err) != slipway.NotFound {
			t.Errorf("ReadRange(%s): %v", key, err)
		}
		if _, exists, err := s.Exists(t.Context(), key); exists || err != nil {
			t.Errorf("Exists(%s) = %v, %v", key, exists, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%s): %v", key, err)
		}
	}
	if get(t, s, "logs/a/1") != "x" {
		t.Error("deleting what is missing has deleted something else")
	}
}

func TestKeysStayInside(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "blobs"))
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "blobs", "link")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"", "/", ".", "..", "../secret", "a/../../secret", "/etc/passwd", "a//b", "a/", ".incoming/x", "a/.b",
		"a\x00b", "a\nb", "a\\b", "é", strings.Repeat("a", 201), strings.Repeat("a/", 300) + "a"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x")); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("Put(%q): %v", key, err)
		}
		if _, _, err := s.Get(t.Context(), key); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("Get(%q): %v", key, err)
		}
		if err := s.Delete(t.Context(), key); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("Delete(%q): %v", key, err)
		}
	}
	if _, _, err := s.Get(t.Context(), "link/secret"); err == nil {
		t.Error("a link has led outside")
	}
	if _, err := s.Put(t.Context(), "link/new", strings.NewReader("x")); err == nil {
		t.Error("a link has led outside")
	}
}

func TestReadRange(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "0123456789")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, 3, "012"}, {8, 5, "89"}, {10, 1, ""}, {11, 1, ""}, {0, 0, ""}, {0, 1 << 60, "0123456789"}, {1 << 62, 1, ""}} {
		got, err := s.ReadRange(t.Context(), "k", c.offset, c.length)
		if err != nil || string(got) != c.want {
			t.Errorf("ReadRange(%d, %d) = %q, %v; want %q", c.offset, c.length, got, err, c.want)
		}
	}
	if _, err := s.ReadRange(t.Context(), "k", -1, 1); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("negative offset: %v", err)
	}
	put(t, s, "large", strings.Repeat("x", blob.MaxRead+10))
	if got, err := s.ReadRange(t.Context(), "large", 0, 1<<40); err != nil || len(got) != blob.MaxRead {
		t.Errorf("unbounded: %d bytes, %v", len(got), err)
	}
}

func TestList(t *testing.T) {
	s := open(t, t.TempDir())
	for _, key := range []string{"b", "a/2", "a/10", "a/b/c", "ab/1", "logs/x/1"} {
		put(t, s, key, key)
	}
	for prefix, want := range map[string][]string{
		"":     {"a/10", "a/2", "a/b/c", "ab/1", "b", "logs/x/1"},
		"a":    {"a/10", "a/2", "a/b/c", "ab/1"},
		"a/":   {"a/10", "a/2", "a/b/c"},
		"a/b":  {"a/b/c"},
		"a/1":  {"a/10"},
		"none": nil, "none/at/all": nil,
	} {
		infos, err := s.List(t.Context(), prefix)
		var keys []string
		for _, i := range infos {
			keys = append(keys, i.Key)
			if i.Size != int64(len(i.Key)) {
				t.Errorf("%s: size %d", i.Key, i.Size)
			}
		}
		if diff := cmp.Diff(want, keys); err != nil || diff != "" {
			t.Errorf("List(%q): %v\n%s", prefix, err, diff)
		}
	}
	for _, prefix := range []string{"/", "..", "a//b"} {
		if _, err := s.List(t.Context(), prefix); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("List(%q): %v", prefix, err)
		}
	}
}

func TestFailedPutChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "k", "before")
	broken := errors.New("the client went away")
	source := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if _, err := s.Put(t.Context(), "k", source); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got := get(t, s, "k"); got != "before" {
		t.Errorf("got %q", got)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, ".incoming")); len(left) > 0 {
		t.Errorf("%d files are left over", len(left))
	}
}

func TestReaderKeepsWhatItOpened(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, "k", "old")
	r, size, err := s.Get(t.Context(), "k")
	if err != nil || size != 3 {
		t.Fatal(size, err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	put(t, s, "k", "newer")
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestConcurrentPuts(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				if _, err := s.Put(t.Context(), "same", bytes.NewReader(bytes.Repeat([]byte{byte('a' + i)}, 10_000))); err != nil {
					t.Error(err)
				}
				if _, err := s.Put(t.Context(), fmt.Sprintf("own/%d/%d", i, n), strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := get(t, s, "same")
	if got != strings.Repeat(got[:1], 10_000) {
		t.Error("the bytes of several writers are mixed")
	}
	if all, err := s.List(t.Context(), "own/"); err != nil || len(all) != 80 {
		t.Errorf("%d blobs, %v", len(all), err)
	}
}

func TestOpenSweepsWhatWasAbandoned(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	old, young := filepath.Join(dir, ".incoming", "old"), filepath.Join(dir, ".incoming", "young")
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ago := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, ago, ago); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an abandoned upload is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("an upload that may go on is gone: %v", err)
	}
}

func open(t *testing.T, dir string) *blob.Store {
	t.Helper()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func put(t *testing.T, s *blob.Store, key, content string) {
	t.Helper()
	size, err := s.Put(t.Context(), key, strings.NewReader(content))
	if err != nil || size != int64(len(content)) {
		t.Fatalf("Put(%s) = %d, %v", key, size, err)
	}
}

func get(t *testing.T, s *blob.Store, key string) string {
	t.Helper()
	r, size, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(r)
	if err != nil || int64(len(content)) != size {
		t.Fatalf("read %d of %d bytes: %v", len(content), size, err)
	}
	return string(content)
}

// What one process has touched, another does not delete for its age; and where
// one has deleted the last blob, another puts the next.
func TestTwoProcessesShareADirectory(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	old := time.Now().Add(-48 * time.Hour)
	both := 0
	for i := range 600 {
		key := fmt.Sprintf("oci/blobs/%d", i%10)
		put(t, a, key, "layer")
		if err := os.Chtimes(filepath.Join(dir, key), old, old); err != nil {
			t.Fatal(err)
		}
		var touched, deleted error
		var gone bool
		var wg sync.WaitGroup
		wg.Go(func() { touched = a.Touch(t.Context(), key) })
		wg.Go(func() { _, gone, deleted = b.DeleteOlder(t.Context(), key, old.Add(time.Hour)) })
		wg.Wait()
		if deleted != nil || touched != nil && slipway.CodeOf(touched) != slipway.NotFound {
			t.Fatal(touched, deleted)
		}
		if gone == (touched == nil) {
			both++
		}
	}
	if both > 0 {
		t.Errorf("%d times a blob was deleted that had just been touched", both)
	}
	for i := range 20 {
		put(t, a, fmt.Sprintf("logs/job/1/%d", i), "piece")
		if err := b.Delete(t.Context(), fmt.Sprintf("logs/job/1/%d", i)); err != nil {
			t.Fatal(err)
		}
	}
}
