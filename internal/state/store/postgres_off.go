//go:build !postgres

package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

func openPostgres(context.Context, string) (*Store, error) {
	return nil, slipway.Errorf(slipway.Unavailable, "this binary was built without PostgreSQL").
		Do("Build it with -tags postgres.")
}
