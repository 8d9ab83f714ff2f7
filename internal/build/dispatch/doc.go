// Package dispatch turns pushes into builds and gives their jobs to agents. It
// owns the attempts: who runs a job now, and whether that one still may.
//
//	Push ─► Build ─► jobs ready ─► Ping (held open) ─► Accept ─► Start ─► AppendLog … Finish
//	                    ▲                                │          │
//	                    └── lost once, nothing deployed ─┴──────────┘   (else the job fails)
//
// An attempt has a lease, which every word from its agent extends, and a token,
// which is its fence: it is revoked when the attempt ends, and whatever is
// written in its name afterwards is refused as Stale. A job that is lost runs
// once more, unless it has asked for a deployment. A job ends in exactly one
// terminal state.
//
// A deployment's tests before traffic are a task: a build of one job that no push
// made, found by the task's ID, so that asking again starts nothing anew. Its
// token may deploy nowhere, and its changes are events of the deployment.
//
// The store is the truth. What is ready and what runs is also kept in memory (the
// board), so that a held ping is answered without a query the moment a job is
// ready; the board is only ever a hint, and Accept looks at the truth. So several
// servers may share the store, each with a board of its own, and agents may speak
// to one or the other: a job is given to one agent, by whichever server accepts
// first, and an agent is lost only when it speaks to none.
package dispatch
