// Package auth says who may: it makes tokens, knows their bearers, and guards
// what a browser sees.
//
// A token is 256 random bits behind a prefix that says what it is for:
//
//	slu_  a user          sls_  a browser's session
//	sla_  an agent        sll_  a login link, good for one login
//	slj_  a job attempt   slr_  a router
//
// Only its SHA-256 is stored. Nothing is cached, so revoking one works at once.
// Sessions and login links are not accepted where programs call.
package auth
