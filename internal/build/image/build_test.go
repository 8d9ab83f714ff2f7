package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-cd/slipway"
)

// tree writes files under a new root. A name that ends in * can be executed;
// content that begins with -> is a link.
func tree(t *testing.T, files map[string]string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		perm := os.FileMode(0o666)
		if n, ok := strings.CutSuffix(name, "*"); ok {
			name, perm = n, 0o777
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), perm)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func manifestOf(files ...slipway.ImageFile) slipway.Manifest {
	return slipway.Manifest{
		Service: "thoughts-backend", Kind: slipway.Web,
		Image: slipway.ImageSource{Static: &slipway.StaticImage{Files: files, Entrypoint: []string{"/server", "--quiet"}}},
		Run:   slipway.Run{Port: 8000, Env: map[string]string{"B": "2", "A": "1"}},
	}
}

func listing(t *testing.T, img v1.Image) []string {
	t.Helper()
	r := mutate.Extract(img)
	defer func() { _ = r.Close() }()
	var out []string
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s: owner %d:%d %q, time %v", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%c %04o %s %s%s", h.Typeflag, h.Mode, h.Name, h.Linkname, text))
	}
}

func TestBuild(t *testing.T) {
	root := tree(t, map[string]string{
		"bin/server*": "binary", "assets/b.css": "b", "assets/a/x.js": "x", "assets/latest": "->a",
		"assets/.git/HEAD": "ref", "assets-more/z": "z", "motd": "hi",
	})
	img, err := Build(root, manifestOf(
		slipway.ImageFile{From: "bin/server", To: "/server"},
		slipway.ImageFile{From: "assets", To: "/srv/assets"},
		slipway.ImageFile{From: "motd", To: "/etc/motd", Mode: 0o400},
	))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	want := []string{
		"5 0755 etc ", "0 0400 etc/motd hi",
		"0 0755 server binary",
		"5 0755 srv ", "5 0755 srv/assets ", "5 0755 srv/assets/a ", "0 0644 srv/assets/a/x.js x",
		"0 0644 srv/assets/b.css b", "2 0777 srv/assets/latest a",
	}
	if d := cmp.Diff(want, listing(t, img)); d != "" {
		t.Error(d)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v1.Config{
		Entrypoint: []string{"/server", "--quiet"}, WorkingDir: "/", Env: []string{"A=1", "B=2"},
		ExposedPorts: map[string]struct{}{"8000/tcp": {}},
	}, config.Config); d != "" {
		t.Error(d)
	}
	if config.OS != runtime.GOOS || config.Architecture != runtime.GOARCH || !config.Created.IsZero() {
		t.Errorf("platform %s/%s, created %v", config.OS, config.Architecture, config.Created)
	}
}

func TestSameFilesSameDigest(t *testing.T) {
	files := map[string]string{"server*": "binary", "assets/a": "a", "assets/deep/b": "b"}
	m := manifestOf(slipway.ImageFile{From: "assets", To: "/"}, slipway.ImageFile{From: "server", To: "/server"})
	digests := map[string]bool{}
	for _, umask := range []int{0o022, 0o077} {
		func() {
			defer syscall.Umask(syscall.Umask(umask))
			root := tree(t, files)
			now := time.Now().Add(time.Duration(umask) * time.Hour)
			if err := root.Chtimes("assets/a", now, now); err != nil {
				t.Fatal(err)
			}
			img, err := Build(root, m)
			if err != nil {
				t.Fatal(err)
			}
			d, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests[d.String()] = true
		}()
	}
	if len(digests) != 1 {
		t.Errorf("two builds of the same files: %v", digests)
	}
}

func TestWholeFolder(t *testing.T) {
	root := tree(t, map[string]string{"a": "1", "d/b": "2", ".git": "gitdir: x"})
	img, err := Build(root, manifestOf(slipway.ImageFile{From: ".", To: "/app"}))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"5 0755 app ", "0 0644 app/a 1", "5 0755 app/d ", "0 0644 app/d/b 2"}
	if d := cmp.Diff(want, listing(t, img)); d != "" {
		t.Error(d)
	}
}

func TestRefused(t *testing.T) {
	root := tree(t, map[string]string{
		"a": "1", "b": "2", "d/x": "3", "out": "->/etc/passwd", "links/up": "->../../../etc/passwd", "links2/abs": "->/etc/passwd",
	})
	if err := syscall.Mkfifo(filepath.Join(root.Name(), "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(from, to string) slipway.ImageFile { return slipway.ImageFile{From: from, To: to} }
	for _, tc := range []struct {
		name  string
		files []slipway.ImageFile
		want  string
	}{
		{"missing", []slipway.ImageFile{file("bin/server", "/server")}, `there is no "bin/server" beside slipway.yaml`},
		{"twice", []slipway.ImageFile{file("a", "/x"), file("b", "/x")}, `both "a" and "b" go to /x`},
		{"file as root", []slipway.ImageFile{file("a", "/")}, `its to must name a file`},
		{"file over folder", []slipway.ImageFile{file("d", "/x"), file("a", "/x")}, `go to /x`},
		{"folder over file", []slipway.ImageFile{file("a", "/x"), file("d", "/x")}, `must be a folder`},
		{"outside", []slipway.ImageFile{file("../etc", "/x")}, `cannot be read`},
		{"link outside", []slipway.ImageFile{file("out", "/x")}, `cannot be read`},
		{"link that leads out", []slipway.ImageFile{file("links", "/x")}, `leads out of the image`},
		{"absolute link", []slipway.ImageFile{file("links2", "/x")}, `leads out of the image`},
		{"fifo", []slipway.ImageFile{file("pipe", "/x")}, `neither a file nor a folder`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Build(root, manifestOf(tc.files...))
			if slipway.CodeOf(err) != slipway.Invalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want Invalid with %q", err, tc.want)
			}
		})
	}
	if _, err := Build(root, slipway.Manifest{Service: "a"}); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("without image.static: %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	root := tree(t, map[string]string{"sparse": ""})
	f, err := root.OpenFile("sparse", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(MaxBytes + 1); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(root, manifestOf(slipway.ImageFile{From: "sparse", To: "/x"})); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("error %v; want TooLarge", err)
	}
}
