package process

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-cd/slipway"
)

// Images is where the driver gets images from.
type Images interface {
	// Image opens the image with digest d. One that does not exist is NotFound.
	Image(ctx context.Context, d slipway.Digest) (v1.Image, error)
}

// idleTrees is how many trees that nothing runs from are kept, so that a
// rollback need not unpack again.
const idleTrees = 10

// trees unpacks images, each once, to a folder named by its digest:
//
//	DIGEST/files/…      the files of the image, read-only
//	DIGEST/image.json   its configuration
type trees struct {
	dir    string
	images Images
	bounds bounds
	locks  sync.Map // digest → *sync.Mutex
}

// image is what the driver needs of an image's configuration.
type image struct {
	Entrypoint, Cmd, Env []string
	WorkingDir           string
}

const (
	treeFiles  = "files"
	treeConfig = "image.json"
)

// treeName is the folder of image d.
func treeName(d slipway.Digest) string { return strings.TrimPrefix(string(d), "sha256:") }

// ensure returns the configuration of image d once its tree is there. Bytes
// that are not what d says never get the name of d.
func (t *trees) ensure(ctx context.Context, d slipway.Digest) (image, error) {
	if !d.Valid() {
		return image{}, slipway.Errorf(slipway.Invalid, "%q is not the digest of an image", d)
	}
	m, _ := t.locks.LoadOrStore(d, new(sync.Mutex))
	m.(*sync.Mutex).Lock()
	defer m.(*sync.Mutex).Unlock()

	dir := filepath.Join(t.dir, treeName(d))
	var img image
	err := loadJSON(filepath.Join(dir, treeConfig), &img)
	if err == nil {
		at := now()
		_ = os.Chtimes(dir, at, at) // prune goes by it
		return img, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return image{}, fmt.Errorf("the tree of image %s: %w", d.Short(), err)
	}
	source, err := t.images.Image(ctx, d)
	if err != nil {
		return image{}, err
	}
	temp, err := os.MkdirTemp(t.dir, ".new-")
	if err != nil {
		return image{}, explain("unpack image "+d.Short(), err)
	}
	defer func() { _ = removeTree(temp) }()
	if img, err = t.unpack(ctx, temp, d, source); err != nil {
		return image{}, explain("unpack image "+d.Short(), err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return image{}, explain("unpack image "+d.Short(), err)
	}
	return img, syncDir(t.dir)
}

// unpack checks every blob against the digest that led to it, from d down.
func (t *trees) unpack(ctx context.Context, dir string, d slipway.Digest, source v1.Image) (image, error) {
	raw, err := source.RawManifest()
	if err != nil {
		return image{}, err
	}
	if err := verify(string(d), raw); err != nil {
		return image{}, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return image{}, slipway.Errorf(slipway.Invalid, "image %s has a broken manifest: %w", d.Short(), err)
	}
	rawConfig, err := source.RawConfigFile()
	if err != nil {
		return image{}, err
	}
	if err := verify(manifest.Config.Digest.String(), rawConfig); err != nil {
		return image{}, err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(rawConfig))
	if err != nil {
		return image{}, slipway.Errorf(slipway.Invalid, "image %s has a broken configuration: %w", d.Short(), err)
	}
	files := filepath.Join(dir, treeFiles)
	if err := os.Mkdir(files, 0o755); err != nil {
		return image{}, err
	}
	root, err := os.OpenRoot(files)
	if err != nil {
		return image{}, err
	}
	defer func() { _ = root.Close() }()
	u := unpacker{root: root, bounds: t.bounds}
	for _, layer := range manifest.Layers {
		if err := u.layer(ctx, source, layer); err != nil {
			return image{}, err
		}
	}
	if err := errors.Join(u.seal(), u.sync(files)); err != nil {
		return image{}, err
	}
	c := config.Config
	img := image{c.Entrypoint, c.Cmd, c.Env, c.WorkingDir}
	return img, saveJSONDurably(filepath.Join(dir, treeConfig), img)
}

// verify refuses content that is not what digest says.
func verify(digest string, content []byte) error {
	sum := sha256.Sum256(content)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != digest {
		return slipway.Errorf(slipway.Invalid, "the image store gave %s for %s", got, digest)
	}
	return nil
}

// prune removes what an earlier process left half unpacked, and the trees
// that were idle for longest.
func (t *trees) prune(used map[string]bool) error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return err
	}
	type tree struct {
		name string
		at   time.Time
	}
	var idle []tree
	for _, e := range entries {
		if info, err := e.Info(); err == nil && !used[e.Name()] && !strings.HasPrefix(e.Name(), ".") {
			idle = append(idle, tree{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(idle, func(a, b tree) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.name, b.name)) })
	for _, gone := range idle[min(len(idle), idleTrees):] {
		err = errors.Join(err, removeTree(filepath.Join(t.dir, gone.name)))
	}
	return err
}

// removeTree removes a tree whose folders are read-only.
func removeTree(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
