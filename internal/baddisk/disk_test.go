package baddisk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/slipway-cd/slipway/internal/baddisk"
)

func TestADiskFailsAsLongAsItIsTold(t *testing.T) {
	d := baddisk.Mount(t, 16<<20)
	name := filepath.Join(d.Dir, "file")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) error {
		if _, err := f.WriteString(text); err != nil {
			return err
		}
		return f.Sync()
	}
	if err := write("before "); err != nil {
		t.Fatal(err)
	}
	d.Break(t)
	for range 2 {
		if err := write("meanwhile "); !errors.Is(err, syscall.EIO) {
			t.Errorf("it took what was written: %v", err)
		}
	}
	d.Mend(t)
	for range 2 {
		if err := write("after "); err != nil {
			t.Errorf("it fails after it was mended: %v", err)
		}
	}
	_ = f.Close()
	d.Again(t)
	if text, err := os.ReadFile(name); err != nil || len(text) != len("before meanwhile meanwhile after after ") {
		t.Errorf("%q, %v", text, err)
	}
}
