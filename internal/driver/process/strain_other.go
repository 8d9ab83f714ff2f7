//go:build !linux

package process

import "time"

// waited is not told by this system: whoever does not answer is to be blamed.
func waited(int) time.Duration { return 0 }
