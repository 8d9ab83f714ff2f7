package oci

import (
	"context"
	"errors"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// maxPins bounds what one image can name.
const maxPins = 20_000

// Pin reports whether the image is here with all that it needs. If it is, a
// [Images.Sweep] leaves it alone for the time that it grants whoever was told so:
// to make the release that keeps it from then on.
func (s *Images) Pin(ctx context.Context, d slipway.Digest) (bool, error) {
	if !d.Valid() {
		return false, nil
	}
	left := maxPins
	err := s.pin(ctx, digest.Digest(d), &left)
	if errors.Is(err, ociregistry.ErrManifestUnknown) {
		return false, nil
	}
	return err == nil, err
}

// pin touches all that a manifest names, and the manifest last: as long as one is
// old, a sweep removes it before anything that it names, so that none ever stays
// without.
func (s *Images) pin(ctx context.Context, d digest.Digest, left *int) error {
	raw, err := s.manifest(ctx, d)
	if err != nil {
		return err
	}
	m, err := parseManifest(raw, "")
	if err != nil {
		return err
	}
	for _, child := range m.Manifests {
		if err := s.pin(ctx, child.Digest, left); err != nil {
			return err
		}
	}
	for _, b := range m.blobs() {
		if err := s.touch(ctx, blobKey(b.Digest), left); err != nil {
			return err
		}
	}
	return s.touch(ctx, manifestKey(d), left)
}

func (s *Images) touch(ctx context.Context, key string, left *int) error {
	if *left--; *left < 0 {
		return invalid("the image names too many others")
	}
	err := s.blobs.Touch(ctx, key)
	if slipway.CodeOf(err) == slipway.NotFound {
		return ociregistry.ErrManifestUnknown
	}
	return err
}
