package daemon

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// What a backup holds: folders of the data directory. Tokens of this machine's
// roles are made anew, and what runs is started from the images.
const (
	backupDatabase     = "slipway.db"
	backupRepositories = "repositories"
	backupBlobs        = "blobs"
)

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write database, repositories, images and logs into one file",
		Long: `Writes database, repositories, images and logs into one tar file, consistent, while everything goes on.
The file is as secret as the data directory. "slipway restore" makes a data directory of it.`,
		Example: "  slipway backup slipway-$(date +%F).tar",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := OpenData(dataFlag(c))
			if err != nil {
				return err
			}
			if err := Backup(c.Context(), data, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is backed up in %s\n", data.Dir, args[0])
			return err
		},
	}
}

// Backup writes a backup of data to file, whole or not at all.
//
// The database is copied first: blobs are there before the database names them
// and are not removed while it is written, and a repository that is newer than the database tells
// its news when the server starts. It returns Exists when the file is there,
// NotFound when there is no database, and Conflict while blobs are being removed.
func Backup(ctx context.Context, data Data, file string) (err error) {
	if _, err := os.Stat(data.path(backupDatabase)); err != nil {
		return slipway.Errorf(slipway.NotFound, "there is no database in %s", data.Dir).Do("name the data directory: --data DIR")
	}
	if _, err := os.Lstat(file); err == nil {
		return slipway.Errorf(slipway.Exists, "%s is there already", file).Do("name another file")
	}
	release, err := data.aloneWithBlobs()
	if err != nil {
		return err
	}
	defer release()
	if err := os.MkdirAll(data.tmp(), 0o700); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(data.tmp(), "backup-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := store.Snapshot(ctx, data.database(), filepath.Join(scratch, backupDatabase)); err != nil {
		return err
	}
	if err := cloneRepositories(ctx, data, filepath.Join(scratch, backupRepositories)); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(file), ".slipway-backup-*") // 0600
	if err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot write beside %s: %w", file, err)
	}
	defer func() { _ = os.Remove(out.Name()) }()
	t := tar.NewWriter(out)
	err = t.AddFS(os.DirFS(scratch))
	if err == nil {
		err = addBlobs(t, data)
	}
	for _, end := range []func() error{t.Close, out.Sync, out.Close} {
		if e := end(); err == nil {
			err = e
		}
	}
	if err == nil {
		err = os.Rename(out.Name(), file)
	}
	if err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot write %s: %w", file, err).Do("see that there is room for it")
	}
	return nil
}

// cloneRepositories copies every repository by git itself, which knows how to
// while somebody pushes.
func cloneRepositories(ctx context.Context, data Data, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	all, err := filepath.Glob(data.path(backupRepositories, "[a-z0-9]*.git"))
	if err != nil {
		return err
	}
	for _, from := range all {
		cmd := exec.CommandContext(ctx, "git", "clone", "--quiet", "--mirror", "--no-local", "--", from, filepath.Join(to, filepath.Base(from)))
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return slipway.Errorf(slipway.Unavailable, "cannot copy the repository %s: %s", filepath.Base(from), strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// addBlobs adds the blobs that are complete: those under way have names with a
// dot.
func addBlobs(t *tar.Writer, data Data) error {
	root, err := os.OpenRoot(data.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), backupBlobs, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		return addFile(t, root, path)
	})
}

func addFile(t *tar.Writer, root *os.Root, path string) error {
	f, err := root.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()})
	if err == nil {
		_, err = io.CopyN(t, f, info.Size())
	}
	return err
}
