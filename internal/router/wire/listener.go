package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/slipway-cd/slipway"
)

// Listener is where the services of one environment are reached by name: at
// SERVICE.Domain. With a certificate it speaks TLS; the files are on the
// router's machine and read again when they change.
type Listener struct {
	Environment slipway.EnvironmentName `json:"environment"`
	Address     string                  `json:"address"` // HOST:PORT
	Domain      string                  `json:"domain"`
	Cert        string                  `json:"cert,omitempty"`
	Key         string                  `json:"key,omitempty"`
}

// ListenersOf are the listeners of environments that have one.
func ListenersOf(environments []slipway.Environment) (all []Listener) {
	for _, e := range environments {
		if l := e.Listener; l != nil {
			all = append(all, Listener{e.Name, l.Address, l.Domain, l.Cert, l.Key})
		}
	}
	return all
}

// Digest tells lists apart: those of one digest are the same, in the same order.
func Digest[T Listener | string](all []T) string {
	if len(all) == 0 {
		return "none"
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}
