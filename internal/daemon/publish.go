package daemon

import (
	"context"
	"os"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/image"
	"github.com/slipway-cd/slipway/internal/cli"
)

// Publish makes the image that a manifest describes and pushes it.
func Publish(ctx context.Context, i cli.Image) (slipway.Digest, error) {
	root, err := os.OpenRoot(i.Dir)
	if err != nil {
		return "", slipway.Errorf(slipway.Invalid, "cannot open %s: %w", i.Dir, err)
	}
	defer func() { _ = root.Close() }()
	img, err := image.Build(root, i.Manifest)
	if err != nil {
		return "", err
	}
	return image.Push(ctx, img, image.Reference{Registry: i.Server, Repository: i.Repository, Tag: i.Tag, Token: i.Token}, nil)
}
