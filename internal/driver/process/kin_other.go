//go:build !linux

package process

import "golang.org/x/sys/unix"

// becomeSubreaper does nothing: orphans go to the first process here.
func becomeSubreaper() error { return nil }

// kin finds the living processes of an instance in its process group. Those
// that left it escape here.
func kin(group int, _ string) []Identity {
	procs, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", group)
	if err != nil || group == 0 {
		return nil
	}
	var found []Identity
	for _, p := range procs {
		if id, err := identify(int(p.Proc.P_pid)); err == nil && id.Alive() {
			found = append(found, id)
		}
	}
	return found
}

// leader finds nothing: marks cannot be read here.
func leader(string) (Identity, bool) { return Identity{}, false }
