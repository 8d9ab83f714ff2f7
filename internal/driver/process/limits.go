package process

import "runtime"

// Limits says what this driver cannot promise.
func (d *Driver) Limits() []string {
	limits := []string{
		"Processes are not confined to their image: they see the host's files, and scripts use the host's interpreters.",
		"A worker cannot say that it is idle.",
	}
	if d.homeless != nil && runtime.GOOS == "linux" {
		limits = append(limits, "Without control groups ("+d.homeless.Error()+
			"), a process that clears its environment and leaves its session outlives its instance when their shim has been killed.")
	}
	if runtime.GOOS != "linux" {
		limits = append(limits,
			"On "+runtime.GOOS+" nobody checks that an instance itself listens on its port.",
			"On "+runtime.GOOS+" processes that leave their process group outlive their instance.")
	}
	return limits
}
