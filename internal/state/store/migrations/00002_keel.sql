-- Both engines read this text. bytetext is text ordered as bytes. Columns named
-- data hold the whole noun as JSON; the columns beside it are what is searched,
-- made unique or counted. Times are microseconds UTC.

-- +goose Up

-- epoch changes on restore; the others number what they are named after, and
-- lock out whoever wants the next number until the transaction ends.
CREATE TABLE counters (
	name  bytetext PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES
	('epoch', 1), ('event', 0), ('deployment', 0), ('route', 0), ('port', 0);

CREATE TABLE events (
	seq         BIGINT PRIMARY KEY,
	build       bytetext NOT NULL,
	deployment  BIGINT NOT NULL,
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	data        TEXT NOT NULL
);
CREATE INDEX events_of_build ON events (build, seq) WHERE build <> '';
CREATE INDEX events_of_deployment ON events (deployment, seq) WHERE deployment <> 0;
CREATE INDEX events_of_target ON events (service, environment, seq) WHERE service <> '';

CREATE TABLE repositories (
	name       bytetext PRIMARY KEY,
	last_build BIGINT NOT NULL,
	data       TEXT NOT NULL
);

CREATE TABLE refs (
	repository bytetext NOT NULL REFERENCES repositories (name),
	ref        bytetext NOT NULL,
	value      bytetext NOT NULL,
	PRIMARY KEY (repository, ref)
);

-- Every push ever recorded, so that one delivered twice makes one build.
CREATE TABLE pushes (
	repository bytetext NOT NULL REFERENCES repositories (name),
	ref        bytetext NOT NULL,
	old_value  bytetext NOT NULL,
	new_value  bytetext NOT NULL,
	build      bytetext NOT NULL,
	PRIMARY KEY (repository, ref, old_value, new_value)
);

CREATE TABLE builds (
	id         bytetext PRIMARY KEY,
	repository bytetext NOT NULL REFERENCES repositories (name),
	number     BIGINT NOT NULL,
	ended      BIGINT NOT NULL,
	data       TEXT NOT NULL,
	UNIQUE (repository, number)
);
CREATE INDEX builds_open ON builds (id) WHERE ended = 0;

CREATE TABLE jobs (
	id    bytetext PRIMARY KEY,
	build bytetext NOT NULL REFERENCES builds (id)
);

-- What an attempt has logged, in pieces: the bytes are in the blob store.
CREATE TABLE chunks (
	job          bytetext NOT NULL,
	attempt      BIGINT NOT NULL,
	sequence     BIGINT NOT NULL,
	start_offset BIGINT NOT NULL,
	size         BIGINT NOT NULL,
	PRIMARY KEY (job, attempt, sequence)
);

CREATE TABLE agents (
	id   bytetext PRIMARY KEY,
	data TEXT NOT NULL
);

CREATE TABLE users (
	name bytetext PRIMARY KEY,
	data TEXT NOT NULL
);

CREATE TABLE tokens (
	hash       bytetext PRIMARY KEY,
	kind       bytetext NOT NULL,
	expires_at BIGINT NOT NULL, -- 0: never
	principal  TEXT NOT NULL
);
CREATE INDEX tokens_expiring ON tokens (expires_at) WHERE expires_at <> 0;

CREATE TABLE services (
	name         bytetext PRIMARY KEY,
	last_release BIGINT NOT NULL,
	data         TEXT NOT NULL
);

CREATE TABLE releases (
	service    bytetext NOT NULL REFERENCES services (name),
	number     BIGINT NOT NULL,
	build      bytetext NOT NULL,
	image      bytetext NOT NULL,
	created_at BIGINT NOT NULL,
	data       TEXT NOT NULL,
	PRIMARY KEY (service, number),
	UNIQUE (service, build, image)
);
CREATE INDEX releases_of_build ON releases (build) WHERE build <> '';
CREATE INDEX releases_by_age ON releases (created_at);

-- kind, port, generation and the lease stand beside the JSON because they
-- change without it.
CREATE TABLE targets (
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	kind        bytetext NOT NULL,
	port        BIGINT NOT NULL, -- 0: none
	generation  BIGINT NOT NULL,
	owner       bytetext NOT NULL,
	owned_until BIGINT NOT NULL,
	data        TEXT NOT NULL,
	specs       TEXT NOT NULL,
	draining    TEXT NOT NULL,
	route       TEXT NOT NULL,
	PRIMARY KEY (service, environment)
);
CREATE UNIQUE INDEX targets_port ON targets (port) WHERE port <> 0;

CREATE TABLE revisions (
	id   bytetext PRIMARY KEY,
	data TEXT NOT NULL
);

CREATE TABLE deployments (
	id              BIGINT PRIMARY KEY,
	service         bytetext NOT NULL,
	environment     bytetext NOT NULL,
	phase           bytetext NOT NULL,
	ended           BIGINT NOT NULL,
	idempotency_key bytetext NOT NULL,
	data            TEXT NOT NULL,
	FOREIGN KEY (service, environment) REFERENCES targets (service, environment)
);
CREATE INDEX deployments_of_target ON deployments (service, environment, id);
CREATE INDEX deployments_open ON deployments (service, environment, id) WHERE ended = 0;
CREATE UNIQUE INDEX deployments_key ON deployments (idempotency_key) WHERE idempotency_key <> '';

CREATE TABLE routes (
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	epoch       BIGINT NOT NULL,
	generation  BIGINT NOT NULL,
	data        TEXT NOT NULL,
	PRIMARY KEY (service, environment)
);

CREATE TABLE routers (
	id   bytetext PRIMARY KEY,
	data TEXT NOT NULL
);
