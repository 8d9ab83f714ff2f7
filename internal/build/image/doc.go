// Package image makes OCI images without a daemon, from files that a job
// built, and pushes them to a registry.
//
// The same files make the same digest, wherever and by whomever they are built:
// entries are sorted, times are zero, owners are root, and modes do not depend
// on the umask.
package image
