package daemon

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data directory of a backup",
		Long: `Makes a data directory of what "slipway backup" wrote. The directory must be new, or empty. When "slipway up"
starts on it, what served at the time of the backup is started again from its images.`,
		Example: "  slipway restore slipway-2026-11-22.tar --data ~/restored\n  slipway up --data ~/restored",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := OpenData(dataFlag(c))
			if err != nil {
				return err
			}
			if err := Restore(c.Context(), data, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is restored from %s; start it: slipway up --data %s\n", data.Dir, args[0], data.Dir)
			return err
		},
	}
}

// Restore makes data of a backup and raises the epoch, so that whatever acted
// since the backup is refused. It returns Conflict when there is data or
// something runs, and Invalid when file is no backup; then nothing of it stays.
func Restore(ctx context.Context, data Data, file string) error {
	held, err := data.lockData("up")
	if err != nil {
		return err
	}
	defer held.release()
	// Fences and a log of writes that another database has left are worse than none.
	for _, part := range []string{
		data.path(backupDatabase), data.path(backupDatabase + "-wal"), data.path(backupRepositories), data.blobs(), data.instances(), data.router(),
	} {
		if _, err := os.Lstat(part); err == nil {
			return slipway.Errorf(slipway.Conflict, "%s holds data already: %s", data.Dir, filepath.Base(part)).Do("name an empty directory: --data DIR")
		}
	}
	// Aside first: what is cut off half-way is not taken for a data directory.
	aside, err := os.MkdirTemp(data.Dir, ".restore-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	if err := unpackBackup(file, aside); err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(aside, backupDatabase))
	if err != nil {
		return err
	}
	if err := errors.Join(s.Restored(ctx), s.Close()); err != nil {
		return err
	}
	for _, part := range []string{backupBlobs, backupRepositories, backupDatabase} { // the database last: it makes the directory one
		err := os.Rename(filepath.Join(aside, part), data.path(part))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// unpackBackup unpacks what Backup wrote, and nothing else, into dir.
func unpackBackup(file, dir string) error {
	f, err := os.Open(file)
	if err != nil {
		return slipway.Errorf(slipway.NotFound, "cannot read the backup: %w", err)
	}
	defer func() { _ = f.Close() }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	none := slipway.Errorf(slipway.Invalid, "%s is not a backup that slipway made", file)
	found := false
	for t := tar.NewReader(f); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && found {
			return nil
		}
		if err != nil {
			none.Err = err
			return none
		}
		name := strings.TrimSuffix(h.Name, "/")
		top, _, _ := strings.Cut(name, "/")
		switch {
		case !filepath.IsLocal(name) || top != backupDatabase && top != backupRepositories && top != backupBlobs:
			return none
		case h.Typeflag == tar.TypeDir:
			err = root.MkdirAll(name, 0o700)
		case h.Typeflag == tar.TypeReg:
			found = found || name == backupDatabase
			err = unpackFile(root, name, t)
		default:
			return none
		}
		if err != nil {
			return slipway.Errorf(slipway.Unavailable, "cannot restore %s: %w", name, err)
		}
	}
}

func unpackFile(root *os.Root, name string, from io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	for _, end := range []func() error{f.Sync, f.Close} {
		if e := end(); err == nil {
			err = e
		}
	}
	return err
}
