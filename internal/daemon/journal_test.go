package daemon

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWhatGoesToTheJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	own := fmt.Sprintf("%d:%d", s.Dev, s.Ino)
	if !toJournal(f, own) {
		t.Error("our output is the journal's, and was taken for a person's")
	}
	if toJournal(f, "") || toJournal(f, "8:1") || toJournal(new(bytes.Buffer), own) {
		t.Error("a person's output was taken for the journal's")
	}
}
