package router

import "sync/atomic"

// budget keeps retries at a tenth of the requests: each request saves up a
// tenth of a retry, ten retries at most are kept.
type budget struct{ spent atomic.Int64 } // tenths of a retry; 0 is a full budget

const mostSpent = 100

func (b *budget) save() {
	for {
		s := b.spent.Load()
		if s == 0 || b.spent.CompareAndSwap(s, s-1) {
			return
		}
	}
}

// take reports whether one retry may be made.
func (b *budget) take() bool {
	for {
		s := b.spent.Load()
		if s+10 > mostSpent {
			return false
		}
		if b.spent.CompareAndSwap(s, s+10) {
			return true
		}
	}
}
