package secret

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway"
)

const (
	credential = "slipway-master-key" // of systemd
	// KeyFileEnv names the file of the master key.
	KeyFileEnv = "SLIPWAY_MASTER_KEY_FILE"
	// CredentialsEnv is where systemd puts what a unit was given.
	CredentialsEnv = "CREDENTIALS_DIRECTORY"
)

// Place is where the master key is.
type Place struct {
	File   string
	Ours   bool // made when it is missing, and written when the key is changed
	remedy string
}

// Find looks where the master key is to be: a systemd credential, else the file
// that SLIPWAY_MASTER_KEY_FILE names, else slipway/master.key in the user's
// configuration. A place inside of data is Invalid: whoever has a copy of data
// would have the key to it.
func Find(data string, getenv func(string) string) (Place, error) {
	var p Place
	switch dir, file := getenv(CredentialsEnv), getenv(KeyFileEnv); {
	case dir != "" && exists(filepath.Join(dir, credential)):
		return Place{File: filepath.Join(dir, credential), remedy: "give the unit the credential " + credential}, nil
	case file != "":
		p = Place{File: file, Ours: true, remedy: "see what " + KeyFileEnv + " names"}
	default:
		dir, err := os.UserConfigDir()
		if x := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(x) {
			dir, err = x, nil
		}
		if err != nil {
			return Place{}, slipway.Errorf(slipway.Invalid, "there is no home directory to keep the master key in").Do("Name a file for it: %s", KeyFileEnv)
		}
		p = Place{File: filepath.Join(dir, "slipway", "master.key"), Ours: true, remedy: "put it there"}
	}
	if inside(p.File, data) {
		return Place{}, slipway.Errorf(slipway.Invalid, "the master key %s is inside the data directory, whose copies it is to protect", p.File).
			Do("Move it elsewhere and name it: %s", KeyFileEnv)
	}
	return p, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// inside reports whether file is in dir, links followed as far as they exist.
func inside(file, dir string) bool {
	real := func(path string) string {
		abs, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		if linked, err := filepath.EvalSymlinks(abs); err == nil {
			return linked
		}
		if linked, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
			return filepath.Join(linked, filepath.Base(abs))
		}
		return abs
	}
	rel, err := filepath.Rel(real(dir), real(file))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
