package examples

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Scripts is the folder of the build scripts, which the services have as their
// submodule ci.
const Scripts = "build-scripts"

// Copy writes the folder called name into dir, as a repository would hold it: a
// service gets its go.mod, and what is in bin/ its execute bit, which an embedded
// file does not have.
func Copy(name, dir string) error {
	from, err := fs.Sub(files, "thoughts/"+name)
	if err != nil {
		return err
	}
	err = fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(path, "bin/") {
			mode = 0o755
		}
		return os.WriteFile(to, text, mode)
	})
	if err != nil || name == Scripts {
		return err
	}
	mod := fmt.Sprintf("module example.com/%s\n\ngo 1.26\n", name)
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644)
}
