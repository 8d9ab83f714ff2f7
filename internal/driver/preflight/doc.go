// Package preflight asks what an instance needs around it: servers that answer,
// databases that let it in, buckets that it may write to. It asks from where the
// instance runs, with the instance's variables, so that a candidate which cannot
// work is never ready and says which of its needs is not met, and why.
//
// Addresses hold passwords. What is said of a check names its kind, its host and
// its port, and never the address itself.
package preflight
