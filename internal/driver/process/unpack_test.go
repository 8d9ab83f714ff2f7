package process_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
	"github.com/slipway-cd/slipway/internal/smalldisk"
)

func link(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
}

func hard(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeLink}
}

func special(name string, kind byte) tar.Header { return tar.Header{Name: name, Typeflag: kind} }

// run applies an image and returns the error and where its tree would be.
func (w *world) run(d *process.Driver, img v1.Image) (tree string, err error) {
	digest := w.images.add(w.t, img)
	err = d.Apply(w.t.Context(), w.group(1, func(g *slipway.GroupSpec) { g.Revision.Image = digest }))
	return filepath.Join(w.dir, "trees", strings.TrimPrefix(string(digest), "sha256:")), err
}

func TestArchivesThatEscape(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 20)
	for name, entries := range map[string][]tar.Header{
		"a name with ..":              {file("../../evil", "x")},
		"a name with .. further in":   {file("a/../../evil", "x")},
		"a relative link out":         {link("out", up+outside)},
		"a relative link just out":    {link("out", "..")},
		"a link out, then through it": {link("out", up+filepath.Dir(outside)), file("out/outside", "theirs")},
		"a link out by a deeper one":  {link("s", "."), link("s/s/s/out", "../../../etc/passwd")},
		"a link to a link out":        {special("a/b/c", tar.TypeDir), link("a/b/c/up", "../../.."), link("out", "a/b/c/up/../x")},
		"a hard link out":             {hard("out", up+outside)},
		"a hard link to nothing":      {hard("out", "nothing")},
		"a hard link to a link out":   {link("out", up+outside), hard("again", "out")},
		"a link that goes round":      {link("a", "b"), link("b", "a")},
		"a character device":          {special("null", tar.TypeChar)},
		"a block device":              {special("disk", tar.TypeBlock)},
		"a pipe":                      {special("pipe", tar.TypeFifo)},
		"a whiteout of what is above": {special("a/.wh...", tar.TypeReg)},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := w.run(d, image(t, v1.Config{Entrypoint: []string{"/bin/app"}}, archive(t, append(entries, file("bin/app", "#!/bin/true\n"))...)))
			if slipway.CodeOf(err) != slipway.Invalid {
				t.Errorf("%v (%s), want Invalid", err, slipway.CodeOf(err))
			}
			if _, err := os.Lstat(tree); err == nil {
				t.Error("it has a tree")
			}
		})
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "mine" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "trees", ".*")); len(left) != 0 {
		t.Errorf("half a tree is left: %v", left)
	}
}

func TestWhatATreeLooksLike(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lower := archive(t,
		special("usr/bin", tar.TypeDir), link("bin", "usr/bin"),
		file("usr/bin/real", "#!"+self+" app\n"), link("usr/bin/app", "/usr/bin/real"),
		file("etc/gone", "x"), file("etc/stays", "x"), file("opaque/gone", "x"), file("changes", "before"),
		file("becomes/folder", "x"), link("dangling", "/nowhere"))
	suid := file("usr/bin/su", "x")
	suid.Mode = 0o6777
	plain := file("plain", "x")
	plain.Mode = 0o640
	upper := archive(t,
		special("etc/.wh.gone", tar.TypeReg), special("opaque/.wh..wh..opq", tar.TypeReg), file("opaque/new", "x"),
		file("changes", "after"), file("bin/through-link", "x"), file("/absolute", "x"), suid, plain, hard("twin", "plain"))
	tree, err := w.run(d, image(t, v1.Config{Entrypoint: []string{"app"}, Env: []string{"PATH=/sbin:/bin"}}, lower, upper))
	if err != nil {
		t.Fatal(err)
	}
	await(t, d, "ready", ready)
	files := filepath.Join(tree, "files")
	for name, want := range map[string]string{
		"etc/stays": "-r-xr-xr-x", "opaque/new": "-r-xr-xr-x", "usr/bin/through-link": "-r-xr-xr-x", "absolute": "-r-xr-xr-x",
		"usr/bin/su": "-r-xr-xr-x", "plain": "-r--r--r--", "twin": "-r--r--r--", "usr/bin": "dr-xr-xr-x", ".": "dr-xr-xr-x",
		"etc/gone": "", "opaque/gone": "", "etc/.wh.gone": "",
	} {
		mode := ""
		if info, err := os.Lstat(filepath.Join(files, name)); err == nil {
			mode = info.Mode().String()
		}
		if mode != want {
			t.Errorf("%s is %q, want %q", name, mode, want)
		}
	}
	for name, want := range map[string]string{"usr/bin/app": "real", "dangling": "nowhere"} {
		if to, err := os.Readlink(filepath.Join(files, name)); err != nil || to != want {
			t.Errorf("%s leads to %q, %v; want %q", name, to, err, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(files, "changes")); err != nil || string(b) != "after" {
		t.Errorf("changes is %q, %v", b, err)
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

func TestImagesThatAreTooMuch(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	bomb := gzipped(t, archive(t, file("zeros", strings.Repeat("\x00", 64<<20))))
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer(bomb, types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	if tree, err := w.run(d, img); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("a bomb: %v, want TooLarge", err)
	} else if _, err := os.Lstat(tree); err == nil {
		t.Error("the bomb has a tree")
	}
	process.SetBounds(d, 1<<20, 10)
	if _, err := w.run(d, image(t, v1.Config{}, archive(t, file("a", strings.Repeat("x", 1<<19))), archive(t, file("b", strings.Repeat("x", 1<<19+1))))); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("too many bytes in two layers: %v, want TooLarge", err)
	}
	var many []tar.Header
	for range 11 {
		many = append(many, file("same", ""))
	}
	if _, err := w.run(d, image(t, v1.Config{}, archive(t, many...))); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("too many entries: %v, want TooLarge", err)
	}
}

// forged is an image that is not what its digest says.
type forged struct {
	v1.Image
	manifest, config []byte
	layer            v1.Layer
}

func (f forged) RawManifest() ([]byte, error) {
	if f.manifest != nil {
		return f.manifest, nil
	}
	return f.Image.RawManifest()
}

func (f forged) RawConfigFile() ([]byte, error) {
	if f.config != nil {
		return f.config, nil
	}
	return f.Image.RawConfigFile()
}

func (f forged) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if f.layer != nil {
		return f.layer, nil
	}
	return f.Image.LayerByDigest(h)
}

func TestForgedImages(t *testing.T) {
	real := appImage(t)
	other := static.NewLayer(archive(t, file("bin/app", "#!/bin/true\n")), types.OCIUncompressedLayer)
	longer := static.NewLayer(append(archive(t, file("bin/app", "x")), make([]byte, 1<<20)...), types.OCIUncompressedLayer)
	for name, img := range map[string]v1.Image{
		"another manifest":      forged{Image: real, manifest: []byte(`{"schemaVersion":2}`)},
		"another configuration": forged{Image: real, config: []byte(`{"config":{"Entrypoint":["/bin/sh"]}}`)},
		"another layer":         forged{Image: real, layer: other},
		"a longer layer":        forged{Image: real, layer: longer},
		"a broken layer":        forged{Image: real, layer: static.NewLayer([]byte("\x1f\x8bnonsense"), types.OCILayer)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			d := w.start()
			tree, err := w.run(d, img)
			if slipway.CodeOf(err) != slipway.Invalid {
				t.Errorf("%v, want Invalid", err)
			}
			if _, err := os.Lstat(tree); err == nil {
				t.Error("it has a tree")
			}
		})
	}
}

func TestImagesWithoutAProgram(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	data := file("data", "x")
	data.Mode = 0o644
	layer := archive(t, data, file("bin/app", "x"))
	for name, config := range map[string]v1.Config{
		"no entry point":         {},
		"one that is not there":  {Entrypoint: []string{"/bin/nothing"}},
		"one of the host":        {Entrypoint: []string{"/bin/sh", "-c", "true"}},
		"one that cannot run":    {Entrypoint: []string{"/data"}},
		"a folder":               {Entrypoint: []string{"/bin"}},
		"one out of the image":   {Entrypoint: []string{"../../../../../../../bin/true"}},
		"no such working folder": {Entrypoint: []string{"/bin/app"}, WorkingDir: "/nowhere"},
	} {
		if _, err := w.run(d, image(t, config, layer)); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	if n := len(all(t, d)); n != 0 {
		t.Errorf("%d instances were made", n)
	}
}

func TestAFullDisk(t *testing.T) {
	small := smalldisk.Mount(t, 1<<20)
	w := newWorld(t) // ends before the disk does
	w.dir = small
	d, before := w.serve()

	big := w.images.add(t, image(t, v1.Config{}, archive(t, file("big", strings.Repeat("x", 2<<20)))))
	err := d.Apply(t.Context(), w.group(1, func(g *slipway.GroupSpec) { g.ID, g.Revision.ID, g.Revision.Image = "g2", "r2", big }))
	if slipway.CodeOf(err) != slipway.Unavailable || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("unpack: %v (%s), want Unavailable", err, slipway.CodeOf(err))
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "trees", ".*")); len(left) != 0 {
		t.Errorf("half a tree is left: %v", left)
	}

	filler := filepath.Join(w.dir, "filler")
	fill(t, filler)
	err = d.Apply(t.Context(), w.group(2, func(g *slipway.GroupSpec) { g.Fence.Generation = 2 }))
	if slipway.CodeOf(err) != slipway.Unavailable || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("start: %v (%s), want Unavailable", err, slipway.CodeOf(err))
	}
	if entries, err := os.ReadDir(filepath.Join(w.dir, "instances")); err != nil || len(entries) != 1 {
		t.Errorf("instances: %v, %v; want one", entries, err)
	}
	if get(t, before, "/readyz") != "" || len(all(t, d)) != 1 {
		t.Error("what serves was touched")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	apply(t, d, w.group(2, func(g *slipway.GroupSpec) { g.Fence.Generation = 2 }))
	if n := len(all(t, d)); n != 2 {
		t.Errorf("%d instances once there is space, want 2", n)
	}

	fill(t, filler)
	if err := d.StopAll(t.Context()); err != nil || len(all(t, d)) != 0 {
		t.Errorf("everything could not be ended: %v", err)
	}
}

func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 64 << 10; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		err = nil
	}
}
