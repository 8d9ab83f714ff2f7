package oci

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"

	"cuelabs.dev/go/oci/ociregistry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// Image is the image with the given digest; of an index, the one for this
// platform. What is read of it is verified. It lives as long as ctx. Its error
// is NotFound when the image is not here.
func (s *Images) Image(ctx context.Context, d slipway.Digest) (v1.Image, error) {
	missing := slipway.Errorf(slipway.NotFound, "there is no image %s", d)
	if !d.Valid() {
		return nil, missing
	}
	raw, err := s.manifest(ctx, digest.Digest(d))
	if errors.Is(err, ociregistry.ErrManifestUnknown) {
		return nil, missing
	} else if err != nil {
		return nil, err
	}
	m, err := parseManifest(raw, "")
	if err != nil {
		return nil, err
	}
	if m.isIndex() {
		for _, child := range m.Manifests {
			if p := child.Platform; p != nil && p.OS == runtime.GOOS && p.Architecture == runtime.GOARCH {
				return s.image(ctx, child.Digest)
			}
		}
		return nil, slipway.Errorf(slipway.Invalid, "image %s is not for %s/%s", d.Short(), runtime.GOOS, runtime.GOARCH)
	}
	return s.image(ctx, digest.Digest(d))
}

func (s *Images) image(ctx context.Context, d digest.Digest) (v1.Image, error) {
	raw, err := s.manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	im := &image{ctx: ctx, images: s, raw: raw}
	if err := json.Unmarshal(raw, &im.manifest); err != nil {
		return nil, slipway.Errorf(slipway.Invalid, "image %s: its manifest cannot be read: %w", d, err)
	}
	return partial.CompressedToImage(im)
}

// image is a stored image: what partial.CompressedToImage builds on.
type image struct {
	ctx      context.Context // v1.Image has no other way
	images   *Images
	raw      []byte
	manifest v1.Manifest
}

func (i *image) RawManifest() ([]byte, error) { return i.raw, nil }

func (i *image) MediaType() (types.MediaType, error) {
	m, err := parseManifest(i.raw, "")
	return types.MediaType(m.MediaType), err
}

func (i *image) RawConfigFile() ([]byte, error) {
	d := digest.Digest(i.manifest.Config.Digest.String())
	return i.images.read(i.ctx, blobKey(d), d)
}

func (i *image) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, desc := range i.manifest.Layers {
		if desc.Digest == h {
			return layer{i, desc}, nil
		}
	}
	return nil, slipway.Errorf(slipway.NotFound, "the image has no layer %s", h)
}

type layer struct {
	image *image
	desc  v1.Descriptor
}

func (l layer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l layer) Size() (int64, error)                { return l.desc.Size, nil }
func (l layer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }

func (l layer) Compressed() (io.ReadCloser, error) {
	d := digest.Digest(l.desc.Digest.String())
	r, err := l.image.images.blobs.Get(l.image.ctx, blobKey(d))
	if err != nil {
		return nil, err
	}
	return verify(r, d), nil
}
