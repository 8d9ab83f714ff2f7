package daemon

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway"
)

// What is no backup leaves nothing behind, inside or outside.
func TestWhatIsNotABackup(t *testing.T) {
	database := &tar.Header{Name: "slipway.db", Typeflag: tar.TypeReg}
	for name, entries := range map[string][]*tar.Header{
		"nothing":        {},
		"no database":    {{Name: "blobs/a", Typeflag: tar.TypeReg}},
		"no database 2":  {{Name: "slipway.db", Typeflag: tar.TypeDir}},
		"climbs":         {database, {Name: "../escaped", Typeflag: tar.TypeReg}},
		"climbs below":   {database, {Name: "blobs/../../escaped", Typeflag: tar.TypeReg}},
		"absolute":       {database, {Name: "/slipway.db", Typeflag: tar.TypeReg}},
		"a token":        {database, {Name: "admin.token", Typeflag: tar.TypeReg}},
		"a link":         {database, {Name: "blobs/link", Typeflag: tar.TypeSymlink, Linkname: "../.."}},
		"a hard link":    {database, {Name: "blobs/link", Typeflag: tar.TypeLink, Linkname: "slipway.db"}},
		"a device":       {database, {Name: "blobs/zero", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 5}},
		"a name twice":   {database, database},
		"empty database": {{Name: "slipway.db/x", Typeflag: tar.TypeReg}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "backup.tar")
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			w := tar.NewWriter(f)
			for _, h := range entries {
				if err := w.WriteHeader(h); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			data, err := OpenData(filepath.Join(dir, "data"))
			if err != nil {
				t.Fatal(err)
			}
			if err := Restore(t.Context(), data, file); err == nil {
				t.Error("it was restored")
			}
			for _, left := range []string{"slipway.db", "blobs", "repositories", ".restore-*", "../escaped", "zero"} {
				if found, _ := filepath.Glob(data.path(left)); len(found) > 0 {
					t.Errorf("it left %s", found)
				}
			}
		})
	}
}

// A restored installation finds nothing that another has left: its fences are of
// another time, and SQLite would write its log of writes into the new database.
func TestARestoreWantsRoom(t *testing.T) {
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{data.path("slipway.db"), data.path("slipway.db-wal"), data.blobs(), data.path("repositories"), data.instances(), data.router()} {
		if err := os.Mkdir(left, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := Restore(t.Context(), data, "none.tar"); slipway.CodeOf(err) != slipway.Conflict {
			t.Errorf("with %s: %v", left, err)
		}
		if err := os.Remove(left); err != nil {
			t.Fatal(err)
		}
	}
}
