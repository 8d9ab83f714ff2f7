package process

import (
	"errors"
	"io/fs"

	"github.com/slipway-cd/slipway"
)

// fewEntries are made durable one by one; to do that with more takes longer
// than to wait for everything that anybody has written to the file system.
const fewEntries = 1000

// sync makes the tree durable, before it gets its name.
func (u *unpacker) sync(files string) error {
	if u.entries > fewEntries {
		return syncAll(files)
	}
	return fs.WalkDir(u.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() && !e.Type().IsRegular() {
			return err
		}
		f, err := u.root.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// seal refuses links that lead outside and makes the folders read-only. Where
// a link leads can be known only when all else is in place.
func (u *unpacker) seal() error {
	var folders []string
	err := fs.WalkDir(u.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			folders = append(folders, name)
		case e.Type() == fs.ModeSymlink:
			if _, err := u.root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return slipway.Errorf(slipway.Invalid, "the image has a link that leads outside it: %q", name)
			}
		}
		return nil
	})
	for _, name := range folders {
		err = errors.Join(err, u.root.Chmod(name, 0o555))
	}
	return err
}
