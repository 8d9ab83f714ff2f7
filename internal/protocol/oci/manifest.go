package oci

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// manifest is what an image's manifest or an index names.
type manifest struct {
	MediaType string                   `json:"mediaType"`
	Config    *ociregistry.Descriptor  `json:"config"`
	Layers    []ociregistry.Descriptor `json:"layers"`
	Manifests []ociregistry.Descriptor `json:"manifests"`
}

func (m manifest) isIndex() bool { return types.MediaType(m.MediaType).IsIndex() }

// blobs are the layers and the configuration.
func (m manifest) blobs() []ociregistry.Descriptor {
	if m.Config == nil {
		return m.Layers
	}
	return append(slices.Clone(m.Layers), *m.Config)
}

// parseManifest reads a manifest. Its media type follows from its content alone,
// so that it never depends on who asks: the header that it was sent with, when
// given, must agree.
func parseManifest(raw []byte, header string) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, invalid("the manifest is not JSON")
	}
	if m.MediaType == "" && m.Manifests != nil {
		m.MediaType = string(types.OCIImageIndex)
	} else if m.MediaType == "" {
		m.MediaType = string(types.OCIManifestSchema1)
	}
	is := types.MediaType(m.MediaType)
	switch {
	case header != "" && header != m.MediaType:
		return m, invalid("the manifest was sent as " + header + " but is " + m.MediaType)
	case !is.IsImage() && !is.IsIndex():
		return m, invalid(m.MediaType + " is not supported; use the OCI or Docker v2 format")
	case is.IsImage() && (m.Config == nil || m.Manifests != nil),
		is.IsIndex() && (m.Config != nil || m.Layers != nil):
		return m, invalid("the manifest is not what its type says")
	}
	return m, nil
}

// complete checks that everything m names is here, and pins it.
func (s *Images) complete(ctx context.Context, m manifest) error {
	left := maxPins
	for _, child := range m.Manifests {
		if err := s.there(ctx, child, manifestKey, func(ctx context.Context, _ string) error { return s.pin(ctx, child.Digest, &left) }); err != nil {
			return err
		}
	}
	for _, b := range m.blobs() {
		if err := s.there(ctx, b, blobKey, func(ctx context.Context, key string) error { return s.touch(ctx, key, &left) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Images) there(ctx context.Context, desc ociregistry.Descriptor, key func(digest.Digest) string, pin func(context.Context, string) error) error {
	if desc.Digest.Validate() != nil || desc.Digest.Algorithm() != digest.SHA256 {
		return invalid("the manifest names " + string(desc.Digest) + ", which is no SHA-256 digest")
	}
	err := pin(ctx, key(desc.Digest))
	if errors.Is(err, ociregistry.ErrManifestUnknown) {
		return ociregistry.NewError(string(desc.Digest)+" was not pushed", ociregistry.ErrManifestBlobUnknown.Code(), nil)
	} else if err != nil {
		return err
	}
	size, err := s.blobs.Size(ctx, key(desc.Digest))
	switch {
	case err != nil:
		return err
	case size != desc.Size:
		return invalid("the manifest gives a wrong size for " + string(desc.Digest))
	}
	return nil
}

func invalid(why string) error {
	return ociregistry.NewError(why, ociregistry.ErrManifestInvalid.Code(), nil)
}
