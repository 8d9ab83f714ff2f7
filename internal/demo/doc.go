// Package demo plays the main job of Slipway, end to end and for real: three
// services go from git push to production, under load, with a release that is
// refused, a rollback by hand and a server that is killed at the worst moment.
//
// It does what a person would do, with git and the slipway command, and checks
// through the API and with a load of its own that all of it is true.
package demo
