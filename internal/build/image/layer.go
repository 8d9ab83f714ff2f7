package image

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-cd/slipway"
)

// layer is a compressed archive in a file that has no name any more.
type layer struct {
	file           *os.File
	size           int64
	digest, diffID v1.Hash
}

// newLayer archives the entries.
func newLayer(root *os.Root, entries []entry) (*layer, error) {
	file, err := os.CreateTemp("", "slipway-layer-")
	if err != nil {
		return nil, err
	}
	l := &layer{file: file}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	packed, plain := sha256.New(), sha256.New()
	count := new(counter)
	zip, err := gzip.NewWriterLevel(io.MultiWriter(file, packed, count), gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(io.MultiWriter(zip, plain))
	for _, e := range entries {
		if err := write(archive, root, e); err != nil {
			_ = file.Close()
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	l.size, l.digest, l.diffID = int64(*count), sum(packed), sum(plain)
	return l, nil
}

// write archives one entry, with nothing in it that depends on who built it or
// when.
func write(to *tar.Writer, root *os.Root, e entry) error {
	h := &tar.Header{Name: e.name, Mode: int64(e.mode.Perm()), Format: tar.FormatPAX}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
		return to.WriteHeader(h)
	case e.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, filepath.ToSlash(e.link)
		return to.WriteHeader(h)
	}
	h.Typeflag, h.Size = tar.TypeReg, e.size
	if err := to.WriteHeader(h); err != nil {
		return err
	}
	file, err := root.Open(filepath.FromSlash(e.from))
	if err != nil {
		return slipway.Errorf(slipway.Invalid, "image.static.files: %q cannot be read: %w", e.from, err)
	}
	defer func() { _ = file.Close() }()
	if n, err := io.Copy(to, io.LimitReader(file, e.size)); err != nil {
		return fmt.Errorf("archive %s: %w", e.from, err)
	} else if n < e.size {
		return slipway.Errorf(slipway.Conflict, "image.static.files: %q changed while the image was made", e.from)
	}
	return nil
}

func sum(h hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", h.Sum(nil))}
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

func (l *layer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)             { return l.diffID, nil }
func (l *layer) Size() (int64, error)                 { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error)  { return types.OCILayer, nil }
func (l *layer) Compressed() (io.ReadCloser, error)   { return io.NopCloser(l.reader()), nil }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return gzip.NewReader(l.reader()) }
func (l *layer) reader() io.Reader                    { return io.NewSectionReader(l.file, 0, l.size) }
