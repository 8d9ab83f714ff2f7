package oci

import (
	"context"
	"io"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// Blobs is where the registry keeps everything.
type Blobs interface {
	// Put stores what r holds, whole or not at all.
	Put(ctx context.Context, key string, r io.Reader) error
	// Get opens a blob; its error is NotFound when there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, error)
	// Size is that of a blob; its error is NotFound when there is none.
	Size(ctx context.Context, key string) (int64, error)
	// List returns the blobs whose keys begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]Stored, error)
	// Touch makes a blob as young as one that was just put; its error is NotFound
	// when there is none.
	Touch(ctx context.Context, key string) error
	// DeleteOlder removes a blob that was neither put nor touched since before,
	// durably. Gone tells whether it did, and size what that freed.
	DeleteOlder(ctx context.Context, key string, before time.Time) (size int64, gone bool, err error)
}

// Stored is a blob in a list.
type Stored struct {
	Key  string
	Size int64
	At   time.Time // when it was put, or touched, last
}

// Bounds of what is taken.
const (
	MaxBlobBytes     = 2 << 30
	MaxManifestBytes = 4 << 20
	maxUploads       = 128 // at one time
)

// Images holds images in a blob store.
type Images struct {
	blobs Blobs
	spool string
}

// New returns the images in blobs. Uploads are spooled in the folder spool,
// which must exist.
func New(blobs Blobs, spool string) *Images { return &Images{blobs, spool} }

// manifest reads a manifest, verified.
func (s *Images) manifest(ctx context.Context, d digest.Digest) ([]byte, error) {
	raw, err := s.read(ctx, manifestKey(d), d)
	if slipway.CodeOf(err) == slipway.NotFound {
		return nil, ociregistry.ErrManifestUnknown
	}
	return raw, err
}

// read reads a small blob, verified.
func (s *Images) read(ctx context.Context, key string, d digest.Digest) ([]byte, error) {
	r, err := s.blobs.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(verify(r, d), MaxManifestBytes+1))
}

// tag resolves a tag.
func (s *Images) tag(ctx context.Context, repository, tag string) (digest.Digest, error) {
	r, err := s.blobs.Get(ctx, tagKey(repository, tag))
	if slipway.CodeOf(err) == slipway.NotFound {
		return "", ociregistry.ErrManifestUnknown
	} else if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, 256))
	if err != nil {
		return "", err
	}
	d := digest.Digest(text)
	return d, d.Validate()
}

const (
	blobPrefix     = "oci/blobs/"
	manifestPrefix = "oci/manifests/"
	tagPrefix      = "oci/tags/"
)

func blobKey(d digest.Digest) string     { return blobPrefix + d.Encoded() }
func manifestKey(d digest.Digest) string { return manifestPrefix + d.Encoded() }
func tagKey(repository, tag string) string {
	return strings.Join([]string{tagPrefix + repository, tag}, "/")
}
