package slipway

import "time"

// Strategy names how a deployment moves from the old group to the new. It
// compiles to stages; only the compiler knows strategies.
type Strategy string

const (
	Rolling   Strategy = "rolling"   // some at a time, the new ones first
	Immutable Strategy = "immutable" // a whole new group beside the old, switched at once
	Canary    Strategy = "canary"    // a growing share of the traffic, a gate at each
	Recreate  Strategy = "recreate"  // the old ones end, then the new ones start
)

// Strategies lists them, the simplest first.
var Strategies = []Strategy{Rolling, Immutable, Canary, Recreate}

// Rollout says how a deployment moves a target to a revision: a strategy, and
// what the strategy leaves open. What does not concern the strategy is zero.
type Rollout struct {
	Strategy  Strategy
	Surge     int           `json:",omitempty"` // rolling: instances that may run beyond the replicas; 0 means 1
	Step      int           `json:",omitempty"` // rolling: instances replaced in one stage, at most Surge; 0 means 1
	Instances int           `json:",omitempty"` // canary: started before it has weight; 0: as many as the first weight needs
	Detach    int           `json:",omitempty"` // canary: old instances that make room for as many new ones; 0: none, the new ones come on top
	Weights   []BasisPoints `json:",omitempty"` // canary: rising, each above 0 and below All
	Hold      time.Duration `json:",omitempty"` // canary: each weight is held this long at least
	Bake      time.Duration `json:",omitempty"` // immutable, canary: all traffic is held this long before the deployment has succeeded, also the first
	KeepOld   time.Duration `json:",omitempty"` // immutable, canary: the old group is kept this long, so that going back is a change of weights
	Preview   *Preview      `json:",omitempty"` // tests before traffic; nil: none
	Evidence  *Evidence     `json:",omitempty"` // immutable, canary: judges each weight and the bake; nil: they are held and nothing else
}

// Preview is a command that tests a candidate before it takes traffic. It runs
// as a job, at the commit of the release, with the address that leads to the
// candidate alone in $SLIPWAY_PREVIEW_URL. An exit status other than 0 is a
// verdict against the candidate.
type Preview struct {
	Command string
	Queue   Queue         // whose agents run it; in a manifest "" means the queue of the environment
	Timeout time.Duration // 0 means DefaultPreviewTimeout
}

// Defaults of strategies, and their bounds.
const (
	DefaultKeepOld        = 10 * time.Minute // immutable
	DefaultHold           = 5 * time.Minute  // canary
	DefaultPreviewTimeout = 10 * time.Minute
	MaxHold               = 24 * time.Hour // of Hold, Bake and KeepOld
	MaxWeights            = 20
)

// DefaultWeights of a canary.
var DefaultWeights = []BasisPoints{100, 1000, 5000}
