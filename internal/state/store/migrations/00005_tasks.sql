-- +goose Up

-- A second port of a target, which leads to a candidate alone. No port is given
-- twice, neither as the one nor as the other: who gives ports sees both.
ALTER TABLE targets ADD COLUMN preview BIGINT NOT NULL DEFAULT 0; -- 0: none
CREATE UNIQUE INDEX targets_preview ON targets (preview) WHERE preview <> 0;

-- The build that runs a deployment's task, so that asking for the task again
-- finds it.
ALTER TABLE builds ADD COLUMN task bytetext NOT NULL DEFAULT ''; -- '': a push made it
CREATE UNIQUE INDEX builds_of_tasks ON builds (task) WHERE task <> '';
