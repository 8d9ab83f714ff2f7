// Package manifest reads slipway.yaml, the file in a service's repository that
// says what the service is and how it runs.
//
// Every problem of a file is told at once, each with its position, the key and
// the remedy:
//
//	slipway.yaml:9:3: unknown key "helth" in service thoughts-backend; did you mean "health"?
//	slipway.yaml:14:12: replicas must be a whole number from 1 to 1000, not "three"
//	2 problems. The keys of slipway.yaml: slipway help manifest
package manifest
