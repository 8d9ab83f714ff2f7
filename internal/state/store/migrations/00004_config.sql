-- What environments set for services: configuration in immutable versions, and
-- secrets, whose values are sealed. Neither needs a target: both can be set
-- before anything is deployed.

-- +goose Up

CREATE TABLE configs (
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	version     BIGINT NOT NULL,
	data        TEXT NOT NULL,
	PRIMARY KEY (service, environment, version)
);

CREATE TABLE secrets (
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	name        bytetext NOT NULL,
	version     BIGINT NOT NULL,
	data        TEXT NOT NULL,
	PRIMARY KEY (service, environment, name, version)
);

INSERT INTO counters (name, value) VALUES ('config', 0);
