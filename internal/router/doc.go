// Package router is the data plane: one process that listens on a port for each
// route and forwards requests to ready instances. It outlives the server: it
// pulls tables from it, keeps the last one on disk, and serves on without it.
//
// A request:
//
//	choose      look at the table ─► group by weight ─► instance with the fewest in flight
//	acquire     count it there, unless the instance is gone: then look at the new table
//	forward     at most two attempts, the second only if the first sent nothing
//	release     its connection is closed or idle by now; count it no more
//
// Plain requests of HTTP/1.1 are forwarded where their connection came in, from
// buffer to buffer; the others go by net/http's server, behind the same gate:
//
//	door ─► front ─► plain ─────────────► forward ─► exchange on a kept connection
//	           └───► gate ─► net/http ─► proxy ─┬─► the same
//	             HTTP/2, streams, tunnels       └─► stream, to an instance that speaks HTTP/2
//
// When a table takes an instance away:
//
//	swap        the new table is in effect
//	leave       mark the instance gone (its count can only fall now), close idle connections
//	keep        write the table to disk
//	report      fence acknowledged; still in flight: n … 0
//	cut         after the route's drain time, if it did not come to 0 by itself
//
// The two meet in one atomic word per instance, so that zero, once reported, is
// final. See endpoint.go.
package router
