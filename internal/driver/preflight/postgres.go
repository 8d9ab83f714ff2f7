package preflight

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

func askPostgres(ctx context.Context, address string, _ map[string]string) (string, error) {
	_, host, err := target(address, "5432", "postgres", "postgresql")
	if err != nil {
		return host, err
	}
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		return host, errAddress
	}
	config.RuntimeParams["application_name"] = "slipway-preflight"
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT 1").ReadAll()
		_ = conn.Close(ctx)
	}
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		return host, errors.New(said.Message)
	}
	return host, err
}
