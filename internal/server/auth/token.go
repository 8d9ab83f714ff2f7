package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Prefixes of tokens.
const (
	UserPrefix    = "slu_"
	AgentPrefix   = "sla_"
	JobPrefix     = "slj_"
	RouterPrefix  = "slr_"
	sessionPrefix = "sls_"
	loginPrefix   = "sll_"
)

// New makes a token: 256 random bits, in hexadecimal, behind prefix.
func New(prefix string) string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

// Hash is what the store knows a token by.
func Hash(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// wellFormed reports whether token could have been made by New with one of
// prefixes, which spares the store the rest.
func wellFormed(token string, prefixes ...string) bool {
	i := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(token, p) })
	if i < 0 {
		return false
	}
	random := token[len(prefixes[i]):]
	_, err := hex.DecodeString(random)
	return err == nil && len(random) == 64
}
