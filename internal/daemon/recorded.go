package daemon

import (
	"context"
	"io"
	"time"

	"github.com/slipway-cd/slipway"
)

// Printed lists whose output is kept.
func (o hidingOutput) Printed(ctx context.Context, t slipway.TargetID) ([]slipway.Output, error) {
	return o.driver.Printed(ctx, t)
}

// LogsSince hides what Logs hides.
func (o hidingOutput) LogsSince(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error) {
	return o.hide(ctx, t, func() (io.ReadCloser, error) { return o.driver.LogsSince(ctx, t, i, since, tail, follow) })
}
