package image

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// entry is a file, folder or symbolic link of the image.
type entry struct {
	name string // in the image, without the leading slash
	from string // in the root; "" for a folder that no file stands for
	mode fs.FileMode
	link string
	size int64
}

// gatherer collects the entries of an image, by name.
type gatherer struct {
	root    *os.Root
	entries map[string]entry
	bytes   int64
}

// gather lists what goes into the image, sorted, parents first.
func gather(root *os.Root, files []slipway.ImageFile) ([]entry, error) {
	g := &gatherer{root: root, entries: map[string]entry{}}
	for _, f := range files {
		if err := g.add(f); err != nil {
			return nil, err
		}
	}
	all := make([]entry, 0, len(g.entries))
	for _, e := range g.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

func (g *gatherer) add(f slipway.ImageFile) error {
	info, err := g.root.Stat(filepath.FromSlash(f.From))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return slipway.Errorf(slipway.Invalid, "image.static.files: there is no %q beside slipway.yaml", f.From).
			Do("Build it before the image is published, or correct its from.")
	case err != nil:
		return slipway.Errorf(slipway.Invalid, "image.static.files: %q cannot be read: %w", f.From, err)
	}
	to := strings.TrimPrefix(path.Clean("/"+f.To), "/")
	if info.Mode().IsRegular() {
		if to == "" {
			return slipway.Errorf(slipway.Invalid, "image.static.files: %q is a file; its to must name a file, not /", f.From)
		}
		return g.put(f, entry{name: to, from: f.From, size: info.Size()}, info.Mode())
	}
	if !info.IsDir() {
		return unfit(f.From, info.Mode())
	}
	return fs.WalkDir(g.root.FS(), f.From, func(from string, d fs.DirEntry, err error) error {
		if err != nil {
			return slipway.Errorf(slipway.Invalid, "image.static.files: %q cannot be read: %w", from, err)
		}
		if d.Name() == ".git" { // never the same twice
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(from, f.From), "/")
		if f.From == "." {
			rel = strings.TrimPrefix(from, ".")
		}
		return g.walked(f, d, entry{name: path.Join(to, rel), from: from})
	})
}

// walked adds what was found in a folder.
func (g *gatherer) walked(f slipway.ImageFile, d fs.DirEntry, e entry) error {
	switch d.Type() {
	case fs.ModeDir:
		return g.folder(e.name)
	case fs.ModeSymlink:
		target, err := g.root.Readlink(filepath.FromSlash(e.from))
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(e.name), target)) {
			return slipway.Errorf(slipway.Invalid, "image.static.files: the link %q leads out of the image, to %q", e.from, target)
		}
		e.link = target
		return g.put(f, e, fs.ModeSymlink|0o777)
	case 0:
		info, err := d.Info()
		if err != nil {
			return err
		}
		e.size = info.Size()
		return g.put(f, e, info.Mode())
	default:
		return unfit(e.from, d.Type())
	}
}

// put adds a file or link, with the folders above it.
func (g *gatherer) put(f slipway.ImageFile, e entry, found fs.FileMode) error {
	switch {
	case found&fs.ModeSymlink != 0:
		e.mode = found
	case f.Mode != 0:
		e.mode = fs.FileMode(f.Mode).Perm()
	case found&0o100 != 0: // the owner's: a umask may have taken the others
		e.mode = 0o755
	default:
		e.mode = 0o644
	}
	if old, taken := g.entries[e.name]; taken {
		return slipway.Errorf(slipway.Invalid, "image.static.files: both %q and %q go to /%s", old.from, e.from, e.name)
	}
	if err := g.folder(path.Dir(e.name)); err != nil {
		return err
	}
	g.entries[e.name] = e
	g.bytes += e.size
	return g.bounded()
}

// folder adds a folder and those above it.
func (g *gatherer) folder(name string) error {
	for ; name != "." && name != "/" && name != ""; name = path.Dir(name) {
		if old, there := g.entries[name]; there && !old.mode.IsDir() {
			return slipway.Errorf(slipway.Invalid, "image.static.files: %q goes to /%s, which must be a folder", old.from, name)
		}
		g.entries[name] = entry{name: name, mode: fs.ModeDir | 0o755}
	}
	return g.bounded()
}

func (g *gatherer) bounded() error {
	if len(g.entries) > MaxFiles {
		return slipway.Errorf(slipway.TooLarge, "image.static.files: more than %d files", MaxFiles)
	}
	if g.bytes > MaxBytes {
		return slipway.Errorf(slipway.TooLarge, "image.static.files: more than %d MiB", MaxBytes>>20)
	}
	return nil
}

func unfit(name string, mode fs.FileMode) error {
	return slipway.Errorf(slipway.Invalid, "image.static.files: %q is neither a file nor a folder (%s)", name, mode.Type())
}
