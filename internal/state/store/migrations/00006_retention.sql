-- What is not kept: a release whose image was removed stays, as history.

-- +goose Up

ALTER TABLE releases ADD COLUMN pruned_at BIGINT NOT NULL DEFAULT 0; -- 0: its image is kept
CREATE INDEX releases_kept ON releases (service, number) WHERE pruned_at = 0;
