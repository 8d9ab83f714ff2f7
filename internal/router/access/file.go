package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/slipway-cd/slipway"
)

// File is a file that begins anew when it is full: NAME, and before it NAME.1,
// NAME.2 and so on, the newest first. Two processes may write to one.
type File struct {
	name string
	most int64 // bytes of each
	keep int   // of those before
	file *os.File
}

// OpenFile opens or makes the file called name, for its owner alone. It is
// rotated when it has come to most bytes; keep is how many are kept besides. It
// returns an Invalid error when it cannot be opened.
func OpenFile(name string, most int64, keep int) (*File, error) {
	if most < 1<<10 || keep < 0 || keep > 1000 {
		return nil, slipway.Errorf(slipway.Invalid, "an access log has at least a KiB a file and keeps 0 to 1000 files, not %d bytes and %d", most, keep)
	}
	f := &File{name: name, most: most, keep: keep}
	if err := f.open(); err != nil {
		return nil, slipway.Errorf(slipway.Invalid, "the access log cannot be opened: %w", err).Do("Name a file in a directory that is there, or - for standard output.")
	}
	return f, nil
}

func (f *File) open() (err error) {
	f.file, err = os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

// Write writes whole lines, first making room for them.
func (f *File) Write(lines []byte) (int, error) {
	if err := f.follow(); err != nil {
		return 0, err
	}
	if info, err := f.file.Stat(); err == nil && info.Size() > 0 && info.Size()+int64(len(lines)) > f.most {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	return f.file.Write(lines)
}

// follow opens the file anew when somebody else has rotated or removed it.
func (f *File) follow() error {
	if f.file == nil {
		return f.open()
	}
	named, err := os.Stat(f.name)
	if err == nil {
		if ours, err := f.file.Stat(); err == nil && os.SameFile(named, ours) {
			return nil
		}
	}
	_ = f.file.Close()
	f.file = nil
	return f.open()
}

func (f *File) rotate() error {
	_ = f.file.Close()
	f.file = nil
	if f.keep == 0 {
		if err := os.Remove(f.name); err != nil {
			return err
		}
		return f.open()
	}
	for n := f.keep; n > 0; n-- {
		err := os.Rename(f.nth(n-1), f.nth(n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.open()
}

func (f *File) nth(n int) string {
	if n == 0 {
		return f.name
	}
	return fmt.Sprintf("%s.%d", f.name, n)
}

// Close closes the file.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
