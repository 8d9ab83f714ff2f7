-- How often the judge of canaries has taken a random part of a service's requests
-- for worse than the rest of them.

-- +goose Up

CREATE TABLE placebo (
	service     bytetext NOT NULL,
	environment bytetext NOT NULL,
	trials      BIGINT NOT NULL,
	alarms      BIGINT NOT NULL,
	PRIMARY KEY (service, environment)
);
