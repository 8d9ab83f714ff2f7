package slipway

import "time"

// Token is what the store keeps of a credential: who its bearer is and what
// they may do. The credential itself is kept nowhere.
type Token struct {
	Hash      string // hexadecimal SHA-256 of the credential
	Principal Principal
	ExpiresAt time.Time // zero: never
	Kind      string    // user, session, login, agent, job, router
}
