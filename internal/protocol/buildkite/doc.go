// Package buildkite speaks the Buildkite Agent API v3, so that Slipway's own
// agent and a stock buildkite-agent use the same endpoints. The vendor's client
// library is the reference: its structs are the wire format.
//
//	registration token   POST register                       → the agent's token
//	agent's token        POST connect, heartbeat, disconnect
//	                     GET  ping                           held open until there is work
//	                     PUT  jobs/ID/accept                 → the job, with the attempt's token
//	attempt's token      PUT  jobs/ID/start, jobs/ID/finish
//	                     GET  jobs/ID                        "canceling" tells the agent to stop it
//	                     POST jobs/ID/chunks, jobs/ID/header_times
//
// What happens in the name of an attempt needs the token of that attempt: the
// agent's own does not do, for it cannot tell one attempt from the next.
package buildkite
