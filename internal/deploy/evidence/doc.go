// Package evidence decides by counts whether a candidate that serves beside the
// stable group is worse than it.
//
//	what was counted so far, cumulative ─► Ledger.Take ─► batches: what is new, of one split each
//	                                                         │ kept, in order
//	            verdict: continue, promote, rollback, … ◄─ Judge.Look
//
// The tests are e-processes: bets against a null hypothesis whose wealth, by
// Ville's inequality, ever reaches 1/alpha with a probability of at most alpha
// while the null is true. So one may look after every batch, for as long as one
// likes, and act at the first crossing. See Howard, Ramdas et al. on time-uniform
// bounds, Waudby-Smith and Ramdas on betting, Turner, Ly and Grünwald on e-values of
// blocks, and Lindon, Sanden and Shirikian (KDD 2022) on deployments.
//
//	              E ≥ 1/alpha, and one instance is all of it
//	inconclusive ───────────────────────────────────────────► replace_instance ─► (counts anew without it)
//	     │  ▲     E ≥ 1/alpha
//	     │  │  ──────────────────────────────────────────────► rollback, for good
//	     ▼  │     a tenfold rise of errors is excluded
//	  continue ─► promote: errors and latency are within their margins
//
// A candidate before which nothing served has nothing to be compared with, and nothing
// to go back to: its errors are held against those that are tolerated anyhow, and what
// would be rollback is worse, which a person decides on.
//
// What judges is the fold of its batches and keeps nothing else: whoever has them
// finds the same verdict again. There is no clock, no chance and no I/O in here.
package evidence
