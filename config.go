package slipway

import (
	"strings"
	"time"
)

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

// Bounds of what an environment sets for a service.
const (
	MaxSettings     = 200      // variables; and as many secrets
	MaxSettingBytes = 64 << 10 // of one value
	MinSecretBytes  = 6        // shorter ones could not be kept out of logs: they are words
)

// ValidateVariable reports an Invalid error when name cannot name a variable
// that people set: a setting or a secret.
func ValidateVariable(name string) error {
	ok := name != "" && len(name) <= 128 && (name[0] < '0' || name[0] > '9')
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
	}
	switch {
	case !ok:
		return Errorf(Invalid, "%.80q cannot name a variable; use letters, digits and _", name)
	case strings.HasPrefix(name, "SLIPWAY_"):
		return Errorf(Invalid, "%s: names that begin with SLIPWAY_ are given by Slipway", name)
	case name == "PORT" || name == "HOME" || name == "TMPDIR" || name == "PATH":
		return Errorf(Invalid, "%s is given by Slipway", name)
	}
	return nil
}
