package oci

import (
	"context"
	"encoding/json"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// manifest is what an image's manifest or an index names.
type manifest struct {
	MediaType string                   `json:"mediaType"`
	Config    *ociregistry.Descriptor  `json:"config"`
	Layers    []ociregistry.Descriptor `json:"layers"`
	Manifests []ociregistry.Descriptor `json:"manifests"`
}

func (m manifest) isIndex() bool { return types.MediaType(m.MediaType).IsIndex() }

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

// complete checks that everything m names is here.
func (s *Images) complete(ctx context.Context, m manifest) error {
	for _, child := range m.Manifests {
		if err := s.there(ctx, child, manifestKey); err != nil {
			return err
		}
	}
	for _, layer := range m.Layers {
		if err := s.there(ctx, layer, blobKey); err != nil {
			return err
		}
	}
	if m.Config != nil {
		return s.there(ctx, *m.Config, blobKey)
	}
	return nil
}

func (s *Images) there(ctx context.Context, desc ociregistry.Descriptor, key func(digest.Digest) string) error {
	if desc.Digest.Validate() != nil || desc.Digest.Algorithm() != digest.SHA256 {
		return invalid("the manifest names " + string(desc.Digest) + ", which is no SHA-256 digest")
	}
	size, err := s.blobs.Size(ctx, key(desc.Digest))
	switch {
	case slipway.CodeOf(err) == slipway.NotFound:
		return ociregistry.NewError(string(desc.Digest)+" was not pushed", ociregistry.ErrManifestBlobUnknown.Code(), nil)
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
