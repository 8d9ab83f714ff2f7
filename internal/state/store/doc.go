// Package store keeps what Slipway knows in a database: all of its SQL is
// here. SQLite is the default, PostgreSQL serves several servers at once; both
// pass the same conformance suite (storetest).
//
// Every write is one transaction, and a method that has returned nil is
// durable: SQLite runs with synchronous=FULL, a PostgreSQL COMMIT whose answer
// was lost is asked about again. Events are written in the transaction that
// they tell of, and numbered under a row lock, so that their order is the
// order of commits: who has seen number n has missed none before it.
//
// A noun is stored whole, as JSON, beside the columns that are searched. The
// JSON is that of the vocabulary's own types; a test keeps its form.
//
// Errors carry a code of package slipway. Besides those that a method names,
// any method may fail with Unavailable (the database cannot be reached, the
// disk is full) or Internal. Messages never quote SQL.
package store
