package process

import "time"

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 30 * time.Second
	steadyAfter  = 10 * time.Second // ready for this long: the next exit is the first again
)

// backoff is how long to wait after the n-th exit in a row (from 1).
func backoff(n int) time.Duration { return min(backoffFirst<<min(n-1, 20), backoffMost) }
