package slipway

import (
	"math"
	"time"
)

// Tally is what a router has counted of the requests that it gave to one
// instance by one route. A request counts once: where it was sent first, by what
// became of that first attempt, when it has ended; by the route that was in effect
// when it began. An answer that may go on for as long as both like (another protocol,
// server-sent events, gRPC) counts when it begins; it fails as well when the instance
// breaks it off later, or ends it with a status of gRPC that says so. What is asked at a preview's door,
// what is marked as a retry and what the weights did not draw is not counted. All but
// Open only grow, and a request that has been seen in Open for some time takes no
// less when it ends.
type Tally struct {
	Requests uint64             `json:"requests"`
	Failures map[Failure]uint64 `json:"failures,omitempty"`
	Refusals uint64             `json:"refusals,omitempty"` // answers 4xx, which are no failures
	Late     uint64             `json:"late,omitempty"`     // failures and refusals of requests that had been counted when their answer began
	Cells    Cells              `json:"cells"`
	Took     Histogram          `json:"took,omitempty"` // from the head of a request to the end of its answer
	Open     Histogram          `json:"open,omitempty"` // how long those in flight have taken so far
}

// Failed is how many requests failed, in whatever way.
func (t Tally) Failed() (n uint64) {
	for _, of := range t.Failures {
		n += of
	}
	return n
}

// CellSize is how many consecutive requests of one instance make a cell.
const CellSize = 8

// Cells count [CellSize] consecutive requests of one instance as one, so that a
// burst of errors is one piece of evidence and not many. The last of them, which
// is not full yet, is not counted. What fails late counts in the cell of that time,
// and CellSize of them at most in one.
type Cells struct {
	All     uint64 `json:"all"`
	Failed  uint64 `json:"failed,omitempty"`  // in which at least one request failed
	Refused uint64 `json:"refused,omitempty"` // in which at least one was answered 4xx
}

// Failure is a way in which a request fails.
type Failure string

const (
	FailedAnswer  Failure = "5xx"     // the instance answered so, or what is the same in gRPC
	FailedConnect Failure = "connect" // it took no connection
	FailedTimeout Failure = "timeout" // it said nothing for too long, or had not ended when it had to leave
	FailedReset   Failure = "reset"   // it broke off: the connection, a stream, or a WebSocket without a word
	FailedAbort   Failure = "abort"   // the client left, after more than [LateAbort]
)

// LateAbort is for how long a client must have waited for more before its leaving counts
// as a failure: who leaves sooner has changed its mind.
const LateAbort = time.Second

// Counted is what one process of a router has counted at one instance by one
// route. What is counted for the placebo is a random part of the requests of the
// group, kept apart; the rest is in another Counted.
type Counted struct {
	Router   RouterID    `json:"router"`
	Boot     string      `json:"boot"`  // of the router's process
	Fence    Fence       `json:"fence"` // of the route
	Group    GroupID     `json:"group"`
	Weight   BasisPoints `json:"weight"` // that the route gave to the group
	Instance InstanceID  `json:"instance"`
	Placebo  bool        `json:"placebo,omitempty"`
	Tally
}

// Histogram counts durations by [Bucket].
type Histogram map[Bucket]uint64

// Bucket is a range of durations: of every power of two of microseconds there are 32, so
// each is 2.19 % wide. Four are 9.05 %.
type Bucket int

// The first bucket has everything below its end, the last everything above its
// beginning.
const (
	BucketsPerDouble        = 32
	FirstBucket      Bucket = 4 * BucketsPerDouble  // 16 µs
	LastBucket       Bucket = 27 * BucketsPerDouble // 134 s
)

// BucketOf is the bucket of d.
func BucketOf(d time.Duration) Bucket {
	if d <= 16*time.Microsecond {
		return FirstBucket
	}
	bits := math.Float64bits(float64(d) / float64(time.Microsecond))
	power, fraction := int(bits>>fractionBits)-exponentOfOne, bits&(1<<fractionBits-1)
	step := int(fraction >> (fractionBits - 5)) // on a straight line, which the logarithm is above
	for step < BucketsPerDouble-1 && fraction >= steps[step+1] {
		step++
	}
	return min(Bucket(power*BucketsPerDouble+step), LastBucket)
}

// How a float64 is made, and the fractions at which the buckets of each power of two
// begin.
const (
	fractionBits  = 52
	exponentOfOne = 1023
)

var steps = func() (all [BucketsPerDouble]uint64) {
	for n := range all {
		all[n] = math.Float64bits(math.Exp2(float64(n)/BucketsPerDouble)) & (1<<fractionBits - 1)
	}
	return all
}()

// Begin is the shortest duration of b.
func (b Bucket) Begin() time.Duration {
	if b <= FirstBucket {
		return 0
	}
	return time.Duration(math.Ceil(math.Exp2(float64(b)/BucketsPerDouble) * float64(time.Microsecond)))
}

// longer is by which part of itself a duration grows over so many buckets.
func (b Bucket) longer() float64 { return math.Exp2(float64(b)/BucketsPerDouble) - 1 }

// Over is how many of h are in buckets after b: longer than its end.
func (h Histogram) Over(b Bucket) (n uint64) {
	for at, of := range h {
		if at > b {
			n += of
		}
	}
	return n
}

// Total is how many there are in h.
func (h Histogram) Total() (n uint64) {
	for _, of := range h {
		n += of
	}
	return n
}
