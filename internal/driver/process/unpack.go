package process

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-cd/slipway"
)

// bounds keep an image from filling the disk.
type bounds struct {
	bytes   int64 // of all files together
	entries int   // files, folders and links
	ratio   int64 // unpacked to packed
}

var defaultBounds = bounds{bytes: 2 << 30, entries: 200_000, ratio: 200}

// ratioFrom is how much may be unpacked before the ratio counts: small files
// of zeros are no bomb.
const ratioFrom = 16 << 20

// unpacker writes the layers of one image below root, and nowhere else.
type unpacker struct {
	root    *os.Root
	bounds  bounds
	bytes   int64
	entries int
}

// layer unpacks one layer and then checks that it was the right one.
func (u *unpacker) layer(ctx context.Context, source v1.Image, want v1.Descriptor) error {
	l, err := source.LayerByDigest(want.Digest)
	if err != nil {
		return err
	}
	packed, err := l.Compressed()
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	in := &measured{ctx: ctx, r: io.LimitReader(packed, want.Size+1), hash: sha256.New()}
	plain, err := decompress(in)
	if err != nil {
		return err
	}
	if err := u.archive(in, plain); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, in); err != nil { // padding after the archive's end
		return err
	}
	if got := "sha256:" + hex.EncodeToString(in.hash.Sum(nil)); got != want.Digest.String() || in.n != want.Size {
		return slipway.Errorf(slipway.Invalid, "the image store gave %s for layer %s", got, want.Digest)
	}
	return nil
}

// measured counts and hashes what is read through it.
type measured struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	n    int64
}

func (m *measured) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.hash.Write(p[:n])
	return n, err
}

func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	magic, _ := b.Peek(4)
	switch {
	case strings.HasPrefix(string(magic), "\x1f\x8b"):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, broken(err)
		}
		return z, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		return nil, slipway.Errorf(slipway.Invalid, "the image has a layer compressed with zstd; only gzip and none are understood").
			Do("Build the image with gzip layers.")
	}
	return b, nil
}

func broken(err error) error {
	return slipway.Errorf(slipway.Invalid, "the image has a broken layer: %w", err)
}

func (u *unpacker) archive(in *measured, plain io.Reader) error {
	r := tar.NewReader(plain)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return readError(in, err)
		}
		u.entries++
		if u.entries > u.bounds.entries {
			return slipway.Errorf(slipway.TooLarge, "the image has more than %d files", u.bounds.entries)
		}
		if err := u.entry(in, h, r); err != nil {
			return err
		}
	}
}

// readError tells a broken archive, which stays broken, from a reader that
// may do better another time.
func readError(in *measured, err error) error {
	if in.ctx.Err() != nil {
		return in.ctx.Err()
	}
	return broken(err)
}

func (u *unpacker) entry(in *measured, h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	if name == "." || name == "/" {
		return nil
	}
	name = strings.TrimPrefix(name, "/")
	if !filepath.IsLocal(name) {
		return slipway.Errorf(slipway.Invalid, "the image has a file outside itself: %q", h.Name)
	}
	if base, ok := strings.CutPrefix(path.Base(name), ".wh."); ok {
		return escape(h, u.whiteout(path.Dir(name), base))
	}
	if h.Typeflag == tar.TypeDir {
		return escape(h, u.folder(name))
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return escape(h, err)
	}
	if err := u.root.RemoveAll(name); err != nil { // never write through what an earlier entry left here
		return escape(h, err)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return u.file(in, name, h, content)
	case tar.TypeSymlink:
		return escape(h, u.symlink(name, h.Linkname))
	case tar.TypeLink:
		return escape(h, u.root.Link(strings.TrimPrefix(path.Clean(h.Linkname), "/"), name))
	case tar.TypeXGlobalHeader:
		return nil
	}
	return slipway.Errorf(slipway.Invalid, "the image has a device or something else that is no file: %q", h.Name)
}

// escape names the entry that os.Root refused, and keeps the disk's errors.
func escape(h *tar.Header, err error) error {
	var code *fs.PathError
	var link *os.LinkError
	if errors.As(err, &code) || errors.As(err, &link) {
		if full := explain("unpack", err); slipway.CodeOf(full) == slipway.Unavailable {
			return full
		}
		return slipway.Errorf(slipway.Invalid, "the image has an entry that cannot be placed: %q: %w", h.Name, err)
	}
	return err
}

// folder replaces whatever else has its name.
func (u *unpacker) folder(name string) error {
	if info, err := u.root.Lstat(name); err == nil && !info.IsDir() {
		if err := u.root.Remove(name); err != nil {
			return err
		}
	}
	return u.root.MkdirAll(name, 0o755)
}

// file keeps the execute bits and nothing else of the mode: no setuid.
func (u *unpacker) file(in *measured, name string, h *tar.Header, content io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return escape(h, err)
	}
	err = u.copy(in, f, content)
	if err == nil {
		err = f.Chmod(0o444 | fs.FileMode(h.Mode)&0o111)
	}
	return errors.Join(err, f.Close())
}

func (u *unpacker) copy(in *measured, w io.Writer, r io.Reader) error {
	for {
		n, err := io.CopyN(w, r, 1<<20)
		u.bytes += n
		switch {
		case u.bytes > u.bounds.bytes:
			return slipway.Errorf(slipway.TooLarge, "the image is larger than %d MiB unpacked", u.bounds.bytes>>20)
		case u.bytes > ratioFrom && u.bytes > in.n*u.bounds.ratio:
			return slipway.Errorf(slipway.TooLarge, "the image unpacks to more than %d times its size", u.bounds.ratio)
		case errors.Is(err, io.EOF):
			return nil
		}
		if _, disk := errors.AsType[*fs.PathError](err); disk {
			return err
		}
		if err != nil {
			return readError(in, err)
		}
	}
}

// symlink makes an absolute target, which means the image's own root, relative:
// the program is not confined to its tree, and would see the host's.
func (u *unpacker) symlink(name, target string) error {
	if path.IsAbs(target) {
		rel, err := filepath.Rel(path.Join("/", path.Dir(name)), path.Clean(target))
		if err != nil {
			return err
		}
		target = rel
	}
	return u.root.Symlink(target, name)
}

// whiteout removes what a lower layer had: one name, or with the opaque marker
// all in the folder.
func (u *unpacker) whiteout(dir, name string) error {
	if name != ".wh..opq" {
		if !filepath.IsLocal(name) {
			return slipway.Errorf(slipway.Invalid, "the image removes a file outside itself: %q", name)
		}
		return u.root.RemoveAll(path.Join(dir, name))
	}
	entries, err := fs.ReadDir(u.root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, u.root.RemoveAll(path.Join(dir, e.Name())))
	}
	return err
}
