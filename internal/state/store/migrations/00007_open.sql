-- What moves or waits, of all targets: a few among all that ever were.

-- +goose Up

CREATE INDEX deployments_open_by_id ON deployments (id) WHERE ended = 0;
