// Package wire is what a router and the server say to each other. Routers ask:
//
//	GET  /router/v1/table?router=ID&epoch=E&version=V&listeners=DIGEST&servers=DIGEST&hold=MS
//	     a newer Table, or one with other listeners or servers, or 204 after the hold
//	POST /router/v1/status
//	     a Status; 204
//
// A router may be older than its server, and its table outlives both on disk:
// fields are added, never renamed.
package wire

import (
	"time"

	"github.com/slipway-cd/slipway"
)

// Bounds that both sides keep.
const (
	Hold       = 20 * time.Second // a poll without news is answered after this long
	MaxTable   = 64 << 20         // bytes
	MaxStatus  = 16 << 20         // bytes
	TablePath  = "/router/v1/table"
	StatusPath = "/router/v1/status"
)

// Table is all routes of an installation. Version grows with every change;
// Epoch changes when the database is restored or fails over.
type Table struct {
	Epoch   uint64          `json:"epoch"`
	Version uint64          `json:"version"`
	Routes  []slipway.Route `json:"routes"`
	// Listeners belong to the environments, not to the routes: they may differ
	// between two tables of one version.
	Listeners []Listener `json:"listeners,omitempty"`
	// Servers are the URLs of the other servers that run now, as far as this router
	// can reach them: it speaks to each.
	Servers []string `json:"servers,omitempty"`
}

// NewerThan reports whether t replaces the table of that epoch and version.
func (t Table) NewerThan(epoch, version uint64) bool {
	return t.Epoch > epoch || t.Epoch == epoch && t.Version > version
}

// Status is what one router process says of itself. What it acknowledges is on
// its disk, in effect, and no request can follow an older table any more.
type Status struct {
	Router   slipway.RouterID `json:"router"`
	Process  Process          `json:"process"`
	Sequence uint64           `json:"sequence"` // counts this process's reports; a late one is not news
	Epoch    uint64           `json:"epoch"`    // of the table in effect
	Version  uint64           `json:"version"`
	Targets  []Target         `json:"targets"`

	// A router that is upgraded is two processes for a while. The old one takes no
	// new connections and is leaving; the new one names those before it that may
	// still serve what they had. Each counts until it has ended, and the new one
	// from when the old one knows of it.
	Leaving bool      `json:"leaving,omitempty"`
	After   *Process  `json:"after,omitempty"`
	Before  []Process `json:"before,omitempty"`
}

// Target is a router's state of one target.
type Target struct {
	Target   slipway.TargetID           `json:"target"`
	Fence    slipway.Fence              `json:"fence"`               // acknowledged; zero: none yet
	InFlight map[slipway.InstanceID]int `json:"in_flight,omitempty"` // of instances in the route, where above zero
	Draining map[slipway.InstanceID]int `json:"draining,omitempty"`  // of instances that left it, where above zero
	Requests uint64                     `json:"requests"`            // since the process started
	Errors   uint64                     `json:"errors"`
	Lapsed   bool                       `json:"lapsed,omitempty"` // its lease of the weights has run out: everything goes to the fallback
	Why      string                     `json:"why,omitempty"`

	// Divided is whether somebody compares what is counted at the target's instances: its
	// traffic is divided, lent or about to be.
	Divided bool `json:"divided,omitempty"`
	// Counted is what has changed since it was told last: whose counts they are goes
	// without saying.
	Counted []slipway.Counted `json:"counted,omitempty"`
}
