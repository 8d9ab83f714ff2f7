package daemon

import (
	"context"
	"io"
	"net/http"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/protocol/oci"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/state/blob"
)

// The wings do not know each other. Here what one offers takes the shape that
// another asks for; nothing is decided here.

// imageBlobs keeps images in the blob store.
type imageBlobs struct{ *blob.Store }

func (b imageBlobs) Put(ctx context.Context, key string, r io.Reader) error {
	_, err := b.Store.Put(ctx, key, r)
	return err
}

func (b imageBlobs) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	r, _, err := b.Store.Get(ctx, key)
	return r, err
}

func (b imageBlobs) Size(_ context.Context, key string) (int64, error) {
	size, exists, err := b.Exists(context.Background(), key)
	if err == nil && !exists {
		return 0, slipway.Errorf(slipway.NotFound, "there is no blob %s", key)
	}
	return size, err
}

func (b imageBlobs) List(ctx context.Context, prefix string) ([]oci.Stored, error) {
	infos, err := b.Store.List(ctx, prefix)
	all := make([]oci.Stored, len(infos))
	for i, info := range infos {
		all[i] = oci.Stored(info)
	}
	return all, err
}

// deployer is what the API asks of deployments.
type deployer struct{ *controller.Controller }

func (d deployer) Deploy(ctx context.Context, r server.Deploy) (slipway.Deployment, error) {
	return d.Controller.Deploy(ctx, controller.Request(r))
}

func (d deployer) Foresee(ctx context.Context, r server.Deploy) (server.Foresight, error) {
	f, err := d.Controller.Foresee(ctx, controller.Request(r))
	return server.Foresight(f), err
}

// sessions is who looks at the pages.
type sessions struct{ *auth.Auth }

func (s sessions) Person(r *http.Request) (slipway.Principal, error) { return s.Session(r) }
