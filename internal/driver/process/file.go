package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// saveJSON replaces the file at path by v: after a crash of this process there
// is the old content or the new, never half of either.
func saveJSON(path string, v any) error { return replace(path, v, false) }

// saveJSONDurably is saveJSON that also holds when the host loses power.
func saveJSONDurably(path string, v any) error { return replace(path, v, true) }

func replace(path string, v any, durable bool) (err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	_, err = f.Write(b)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp, path); err != nil || !durable {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes renames inside dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func loadJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// explain turns an error of the file system that a person can mend into words,
// and leaves every other as it is.
func explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return slipway.Errorf(slipway.Unavailable, "%s: the disk is full: %w", doing, err).Do("Free some space; it is tried again.")
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return slipway.Errorf(slipway.Unavailable, "%s: the data directory cannot be written: %w", doing, err)
	}
	if _, ours := errors.AsType[*slipway.Error](err); ours {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}
