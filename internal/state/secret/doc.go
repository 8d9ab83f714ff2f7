// Package secret seals values so that only who holds the master key can read
// them, and only as what they were sealed for.
//
// An envelope is three parts: which key it was sealed for, a code over what it
// is (service, environment, name, version) and the ciphertext that only the
// master key can make, and the ciphertext itself, which is age's. So an envelope
// that is put in another's place does not open, nor does one that somebody made
// who only knows where to seal to.
//
// The master key is a file of one or more age identities outside of the data
// directory. The first seals; all open. To change it, while it may be interrupted
// anywhere:
//
//	[old] ─► [new, old] ─► everything is sealed anew ─► [new], old kept beside it
package secret
