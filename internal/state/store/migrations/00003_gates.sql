-- What people say before a deployment starts: the environments as they were
-- declared, locks, approvals.

-- +goose Up

CREATE TABLE declarations (
	version BIGINT PRIMARY KEY,
	data    TEXT NOT NULL
);

-- One lock on a service in an environment, and one on the environment: service ''.
CREATE TABLE locks (
	environment bytetext NOT NULL,
	service     bytetext NOT NULL,
	ends_at     BIGINT NOT NULL,
	data        TEXT NOT NULL,
	PRIMARY KEY (environment, service)
);

-- A person agrees once; to another image, anew.
CREATE TABLE approvals (
	deployment BIGINT NOT NULL REFERENCES deployments (id),
	person     bytetext NOT NULL,
	data       TEXT NOT NULL,
	PRIMARY KEY (deployment, person)
);
