package oci

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// backend answers the distribution protocol from Images. What it does not
// implement, deleting and referrers, is unsupported.
type backend struct {
	*ociregistry.Funcs
	*Images
}

// ResolveBlob tells the size of a blob. Who was told that it is here may count on
// it for a while, and does not push it.
func (b backend) ResolveBlob(ctx context.Context, _ string, d ociregistry.Digest) (ociregistry.Descriptor, error) {
	desc, err := b.blob(ctx, d)
	if err == nil {
		err = b.blobs.Touch(ctx, blobKey(d))
	}
	if slipway.CodeOf(err) == slipway.NotFound {
		return ociregistry.Descriptor{}, ociregistry.ErrBlobUnknown
	}
	return desc, err
}

func (b backend) blob(ctx context.Context, d ociregistry.Digest) (ociregistry.Descriptor, error) {
	if d.Algorithm() != digest.SHA256 {
		return ociregistry.Descriptor{}, ociregistry.ErrBlobUnknown
	}
	size, err := b.blobs.Size(ctx, blobKey(d))
	if slipway.CodeOf(err) == slipway.NotFound {
		return ociregistry.Descriptor{}, ociregistry.ErrBlobUnknown
	}
	return ociregistry.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: size}, err
}

// GetBlob opens a blob.
func (b backend) GetBlob(ctx context.Context, repository string, d ociregistry.Digest) (ociregistry.BlobReader, error) {
	return b.GetBlobRange(ctx, repository, d, 0, -1)
}

// GetBlobRange opens a part of a blob.
func (b backend) GetBlobRange(ctx context.Context, _ string, d ociregistry.Digest, from, to int64) (ociregistry.BlobReader, error) {
	desc, err := b.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	if to < 0 || to > desc.Size {
		to = desc.Size
	}
	if from < 0 || from > to {
		return nil, ociregistry.ErrRangeInvalid
	}
	r, err := b.blobs.Get(ctx, blobKey(d))
	if err != nil {
		return nil, err
	}
	if s, ok := r.(io.Seeker); ok {
		_, err = s.Seek(from, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, r, from)
	}
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return reading{io.LimitReader(r, to-from), r, desc}, nil
}

// MountBlob finds a blob that another repository pushed.
func (b backend) MountBlob(ctx context.Context, _, to string, d ociregistry.Digest) (ociregistry.Descriptor, error) {
	return b.ResolveBlob(ctx, to, d)
}

// GetTag opens the manifest that a tag names.
func (b backend) GetTag(ctx context.Context, repository, tag string) (ociregistry.BlobReader, error) {
	d, err := b.tag(ctx, repository, tag)
	if err != nil {
		return nil, err
	}
	return b.GetManifest(ctx, repository, d)
}

// GetManifest opens a manifest.
func (b backend) GetManifest(ctx context.Context, _ string, d ociregistry.Digest) (ociregistry.BlobReader, error) {
	if d.Algorithm() != digest.SHA256 {
		return nil, ociregistry.ErrManifestUnknown
	}
	raw, err := b.manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(raw, "")
	if err != nil {
		return nil, err
	}
	desc := ociregistry.Descriptor{MediaType: m.MediaType, Digest: d, Size: int64(len(raw))}
	r := io.NopCloser(bytes.NewReader(raw))
	return reading{r, r, desc}, nil
}

// ResolveTag tells what manifest a tag names, and pins it as ResolveManifest
// does.
func (b backend) ResolveTag(ctx context.Context, repository, tag string) (ociregistry.Descriptor, error) {
	d, err := b.tag(ctx, repository, tag)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	desc, err := b.ResolveManifest(ctx, repository, d)
	if err == nil {
		err = b.blobs.Touch(ctx, tagKey(repository, tag))
	}
	if slipway.CodeOf(err) == slipway.NotFound {
		err = ociregistry.ErrManifestUnknown
	}
	return desc, err
}

// ResolveManifest tells the type and size of a manifest. Who was told that it is
// here may count on it and on all that it names for a while, and does not push
// them.
func (b backend) ResolveManifest(ctx context.Context, repository string, d ociregistry.Digest) (ociregistry.Descriptor, error) {
	r, err := b.GetManifest(ctx, repository, d)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	left := maxPins
	if err := b.pin(ctx, d, &left); err != nil {
		return ociregistry.Descriptor{}, err
	}
	return r.Descriptor(), r.Close()
}

// PushManifest stores a manifest when everything that it names is here.
func (b backend) PushManifest(ctx context.Context, repository, tag string, raw []byte, mediaType string) (ociregistry.Descriptor, error) {
	m, err := parseManifest(raw, mediaType)
	if err != nil {
		return ociregistry.Descriptor{}, err
	}
	if err := b.complete(ctx, m); err != nil {
		return ociregistry.Descriptor{}, err
	}
	d := digest.FromBytes(raw)
	if err := b.blobs.Put(ctx, manifestKey(d), bytes.NewReader(raw)); err != nil {
		return ociregistry.Descriptor{}, err
	}
	if tag != "" {
		if err := b.blobs.Put(ctx, tagKey(repository, tag), strings.NewReader(d.String())); err != nil {
			return ociregistry.Descriptor{}, err
		}
	}
	return ociregistry.Descriptor{MediaType: m.MediaType, Digest: d, Size: int64(len(raw))}, nil
}

// Repositories lists the names under which something is tagged.
func (b backend) Repositories(ctx context.Context, after string) iter.Seq2[string, error] {
	keys, err := b.blobs.List(ctx, tagPrefix)
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		name, _, _ := strings.Cut(strings.TrimPrefix(k.Key, tagPrefix), "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return listed(slices.Compact(names), after, err)
}

// Tags lists the tags of a repository.
func (b backend) Tags(ctx context.Context, repository, after string) iter.Seq2[string, error] {
	prefix := tagKey(repository, "")
	keys, err := b.blobs.List(ctx, prefix)
	if err == nil && len(keys) == 0 {
		err = ociregistry.ErrNameUnknown
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = strings.TrimPrefix(k.Key, prefix)
	}
	return listed(names, after, err)
}

func listed(names []string, after string, err error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err != nil {
			yield("", fmt.Errorf("list: %w", err))
			return
		}
		for _, n := range names {
			if n > after && !yield(n, nil) {
				return
			}
		}
	}
}

// reading is a blob that is open.
type reading struct {
	io.Reader
	io.Closer
	desc ociregistry.Descriptor
}

func (r reading) Descriptor() ociregistry.Descriptor { return r.desc }
