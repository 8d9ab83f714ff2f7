package secret

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"

	"filippo.io/age"
)

// keyID tells keys apart and tells nothing of them.
type keyID [idBytes]byte

func (i keyID) String() string { return hex.EncodeToString(i[:]) }

// key is one age identity, with what follows from it.
type key struct {
	id        keyID
	identity  *age.X25519Identity
	authentic []byte // that codes are made with
}

func newKey(identity *age.X25519Identity) (key, error) {
	authentic, err := hkdf.Key(sha256.New, []byte(identity.String()), nil, "slipway: what an envelope is", sha256.Size)
	if err != nil {
		return key{}, err
	}
	id, err := hkdf.Key(sha256.New, []byte(identity.String()), nil, "slipway: the name of a key", idBytes)
	if err != nil {
		return key{}, err
	}
	return key{keyID(id), identity, authentic}, nil
}

func generate() (key, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return key{}, err
	}
	return newKey(identity)
}
