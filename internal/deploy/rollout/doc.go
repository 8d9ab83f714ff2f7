// Package rollout decides how a target gets from what runs to what should run.
//
// It is a state machine without I/O, clock or randomness. [Compile] turns a
// strategy into a schedule of stages; [Plan] looks at the state of one target
// and says what to commit, what to do then, and why. Planning again from the
// same state says the same again, so whoever crashed between two steps plans
// once more and goes on.
//
//	            gates pass                  every stage done, the old group gone or kept
//	pending ──────────────► progressing ───────────────────────────────► succeeded
//	 │ │ │                    │     │
//	 │ │ │      it cannot go  │     │ it cannot go on, and something old was
//	 │ │ │    on, nothing old │     │ touched or traffic was given; or a
//	 │ │ │        was touched ▼     ▼ person asked to abort
//	 │ │ └─ a gate says no ► failed  rolling_back ──────────────────────► rolled_back
//	 │ └─── aborted ► cancelled        │  the old group has its capacity
//	 └───── a newer one ► superseded   │  again, the new one is gone
//	                                   └► stuck: the old group cannot come back
//
// It cannot go on when the new instances are not ready by their deadline or crash
// again and again, when the driver refuses them, when their tests fail or when a
// gate says no.
//
// A stage is gone through in one order. What was reached in it may be lost
// again, and is waited for again:
//
//	room ─► new ready ─► weight ─► tests passed ─► held ─► gates pass ─► old leave ─► next stage
//
// Room is there at once, unless old ones have to go before: all of them where
// two groups must never run at once, some where a canary replaces in place.
// Traffic follows the ready instances, or the weight of the stage. A weight comes
// when the instances are ready that carry it, and goes to whoever else is ready
// when they are gone; where nobody is ready it stays with those that were and are
// alive. A candidate that is still to be tested has no weight and a door of its
// own, and is no capacity for which somebody else may leave. A weight on trial is
// lent: a router that does not hear of the server for [LeaseFor] returns to the
// old group by itself, which is therefore kept whole. A stage is held from when
// every router has its weight until every router has said, after the time, that
// it never let it go; else the time begins anew.
//
// An instance leaves in one way only, whoever wants it gone: it is put on the
// list of those that drain, from which nothing returns; the next route is
// without it; when every registered router has acknowledged that route, or a
// later one, and has no request of it left, its group is made smaller and it is
// asked to stop; when the driver sees it stopped it is forgotten, and its port
// may be used again.
//
// Deployments only say how many instances each group keeps. All else is the
// same at rest: the stable group keeps as many as the target wants, a group that
// was retained stays without traffic until its time is over, every other group
// goes; what is missing is started, what is too much leaves, what is ready is
// routed. A deployment to a retained group takes it back: all it needs is the
// weight.
//
// After the database was restored the epoch is a new one. Executors are told of
// it before anything is decided; then what is found and not known leaves like
// everybody else.
package rollout
