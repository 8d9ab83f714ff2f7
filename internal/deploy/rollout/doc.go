// Package rollout decides how a target gets from what runs to what should run.
//
// It is a state machine without I/O, clock or randomness. [Compile] turns a
// strategy into a schedule of stages; [Plan] looks at the state of one target
// and says what to commit, what to do then, and why. Planning again from the
// same state says the same again, so whoever crashed between two steps plans
// once more and goes on.
//
//	            gates pass                  every stage done, the old group gone
//	pending ──────────────► progressing ───────────────────────────────► succeeded
//	 │ │ │                    │     │
//	 │ │ │          not ready │     │ not ready in time, something old was
//	 │ │ │   in time, nothing │     │ touched; or a person asked to abort
//	 │ │ │    old was touched ▼     ▼
//	 │ │ └─ a gate says no ► failed  rolling_back ──────────────────────► rolled_back
//	 │ └─── aborted ► cancelled        │  the old group has its capacity
//	 └───── a newer one ► superseded   │  again, the new one is gone
//	                                   └► stuck: the old group cannot come back
//
// Every stage of a rolling deployment goes round once:
//
//	start new ─► ready ─► route with the new, without an old ─► every router has
//	it and nothing is in flight ─► stop the old ─► stopped ─► next stage
//
// An instance leaves in one way only, whoever wants it gone: it is put on the
// list of those that drain, from which nothing returns; the next route is
// without it; when every registered router has acknowledged that route, or a
// later one, and has no request of it left, its group is made smaller and it is
// asked to stop; when the driver sees it stopped it is forgotten, and its port
// may be used again.
//
// Deployments only say how many instances each group keeps. All else is the
// same at rest: the stable group keeps as many as the target wants, every other
// group none; what is missing is started, what is too much leaves, what is ready
// is routed.
package rollout
