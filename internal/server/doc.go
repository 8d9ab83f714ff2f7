// Package server is Slipway's own HTTP API under /api/v1. Every call carries a
// token; the token says what its bearer may do. Calls that change something ask
// the wing that owns it and answer with what it has become; what is shown is made
// by package view.
package server
