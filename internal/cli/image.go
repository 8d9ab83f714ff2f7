package cli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/manifest"
)

// Image is what a Publisher makes and pushes.
type Image struct {
	Manifest   slipway.Manifest
	Dir        string // that the manifest's files are relative to
	Server     string // base URL of the registry
	Repository slipway.RepositoryName
	Tag        string // the commit, or ""
	Token      string
}

// A Publisher makes an image, pushes it to the registry and returns its
// digest.
type Publisher func(context.Context, Image) (slipway.Digest, error)

func (a *app) imageCommand() *cobra.Command {
	c := &cobra.Command{Use: "image", Short: "Make images", Example: "  slipway image publish"}
	c.AddCommand(&cobra.Command{
		Use:   "publish [SERVICE]",
		Short: "Make the image of the nearest slipway.yaml and publish it as a release",
		Long: "Makes the image that the nearest slipway.yaml upward describes, pushes it to the registry and publishes it as a\n" +
			"release. The same files give the same image, and publishing it again from the same build the same release.",
		Example: "  slipway image publish",
		Args:    between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.publish(c.Context(), first(args))
			if err != nil {
				return err
			}
			s := a.screen(c)
			if a.json {
				return s.json(r)
			}
			return s.line("%s  %s", s.paint(bold, nameOf(r)), r.Image)
		},
	})
	return parent(c)
}

func (a *app) publish(ctx context.Context, service string) (api.Release, error) {
	m, file, text, err := nearestManifest(service)
	if err != nil {
		return api.Release{}, err
	}
	p, err := a.place()
	if err != nil {
		return api.Release{}, err
	}
	digest, err := a.Publish(ctx, Image{Manifest: m, Dir: filepath.Dir(file), Server: p.server(ctx), Token: p.token,
		Repository: slipway.RepositoryName(cmp.Or(os.Getenv("BUILDKITE_PIPELINE_SLUG"), string(m.Service))), Tag: os.Getenv("BUILDKITE_COMMIT")})
	if err != nil {
		return api.Release{}, err
	}
	return api.New(p.url, p.token).PublishRelease(ctx, api.PublishRelease{
		Service: string(m.Service), Image: string(digest), Manifest: string(text), Path: inRepository(ctx, file)})
}

// inRepository is the path of file within its git repository.
func inRepository(ctx context.Context, file string) string {
	top, err := git(ctx, "rev-parse", "--show-toplevel")
	if err == nil {
		if rel, err := filepath.Rel(top, file); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return manifest.Name
}
