-- What is looked at of a deployment's candidate: each look's counts, and the
-- ledger of what was counted already, so that no count is lost or counted twice.

-- +goose Up

CREATE TABLE evidence (
	deployment BIGINT PRIMARY KEY REFERENCES deployments (id),
	batches    BIGINT NOT NULL, -- how many there are
	ledger     TEXT NOT NULL
);

CREATE TABLE batches (
	deployment BIGINT NOT NULL REFERENCES evidence (deployment),
	number     BIGINT NOT NULL, -- from 1
	data       TEXT NOT NULL,
	PRIMARY KEY (deployment, number)
);
