package daemon

import (
	"path/filepath"
	"testing"
)

// What is printed to be typed finds the data directory that was meant.
func TestCommandsNameTheDataDirectory(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", home)
	for dir, want := range map[string]string{
		filepath.Join(home, "slipway"): "", "/srv/slipway": " --data /srv/slipway", "/srv/Mei's data": ` --data '/srv/Mei'\''s data'`,
	} {
		if got := (Data{Dir: dir}).flag(); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}
