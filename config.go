package slipway

import "time"

// Config is one version of what an environment sets for a service, over what
// its manifest says. It is immutable: setting a value makes the next version.
type Config struct {
	Target  TargetID
	Version int // from 1
	Values  map[string]string
	Actor   Actor
	At      time.Time
}

// Secret is one version of a secret of a service in an environment. Its value
// is sealed: only who holds the master key can open it.
type Secret struct {
	Target  TargetID
	Name    string
	Version int // from 1
	Sealed  []byte
	Actor   Actor
	At      time.Time
	Retired time.Time `json:",omitzero"` // never used again, not even by going back; zero: in use
}
