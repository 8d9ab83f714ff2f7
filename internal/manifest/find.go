package manifest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Name is what a manifest's file is called.
const Name = "slipway.yaml"

// Find is the path of the nearest slipway.yaml upward from dir, which never
// leaves dir's git repository (a submodule belongs to the repository around
// it). Its error is NotFound when there is none.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		file := filepath.Join(at, Name)
		info, err := os.Stat(file)
		switch {
		case err == nil && info.Mode().IsRegular():
			return file, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		if isRepositoryRoot(at) || at == filepath.Dir(at) {
			return "", slipway.Errorf(slipway.NotFound, "no %s in %s, nor above it in its repository", Name, dir).
				Do("Write one: slipway help manifest")
		}
	}
}

// Load reads and parses the manifest in file, which problems call by its base
// name. It returns the text as well.
func Load(file string) (slipway.Manifest, []byte, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return slipway.Manifest{}, nil, slipway.Errorf(slipway.NotFound, "there is no %s", file)
	} else if err != nil {
		return slipway.Manifest{}, nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return slipway.Manifest{}, nil, err
	}
	m, err := Parse(filepath.Base(file), text)
	return m, text, err
}

func isRepositoryRoot(dir string) bool {
	git := filepath.Join(dir, ".git")
	info, err := os.Lstat(git)
	if err != nil || info.IsDir() {
		return err == nil
	}
	link, err := os.ReadFile(git) // "gitdir: …": a worktree, or a submodule
	return err == nil && !strings.Contains(filepath.ToSlash(string(link)), "/modules/")
}
