package image

import (
	"os"
	"runtime"
	"slices"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-cd/slipway"
)

// Bounds of an image.
const (
	MaxBytes = 1 << 30 // of all its files
	MaxFiles = 50_000  // folders included
)

// Build makes the image that m.Image.Static describes of the files in root, the
// folder of the manifest. Nothing outside of root is read. The layer is kept in
// a temporary file without a name, which goes away with the image.
//
// Its errors are Invalid for a file that is missing or cannot be in an image,
// and TooLarge.
func Build(root *os.Root, m slipway.Manifest) (v1.Image, error) {
	if m.Image.Static == nil {
		return nil, slipway.Errorf(slipway.Invalid, "%s has no image.static, so there is nothing to make an image of", m.Service)
	}
	files, err := gather(root, m.Image.Static.Files)
	if err != nil {
		return nil, err
	}
	layer, err := newLayer(root, files)
	if err != nil {
		return nil, err
	}
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	img, err := mutate.ConfigFile(base, config(m))
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(img, layer)
}

func config(m slipway.Manifest) *v1.ConfigFile {
	c := v1.Config{Entrypoint: m.Image.Static.Entrypoint, WorkingDir: "/"}
	for k, v := range m.Run.Env {
		c.Env = append(c.Env, k+"="+v)
	}
	slices.Sort(c.Env)
	if m.Run.Port != 0 {
		c.ExposedPorts = map[string]struct{}{strconv.Itoa(m.Run.Port) + "/tcp": {}}
	}
	return &v1.ConfigFile{
		OS: runtime.GOOS, Architecture: runtime.GOARCH, Config: c,
		RootFS: v1.RootFS{Type: "layers"},
	}
}
