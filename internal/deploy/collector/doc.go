// Package collector removes what is not kept: images of old releases, what was
// unpacked of them, old logs, events and evidence, agents that are gone.
//
//	decide (package retention) ─► mark, in the database ─► sweep what nothing refers to
//
// A mark is a transaction that looks once more: what is needed by then is not
// marked, and what is marked cannot be deployed. Only what no row refers to any
// more is removed, so a collector that is killed leaves nothing that is referred
// to and missing; the next one finds what it left.
package collector
