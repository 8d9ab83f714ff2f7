package secret

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/slipway-cd/slipway"
)

// MaxValue bounds a value.
const MaxValue = 64 << 10

// What is what an envelope is, and opens as.
type What struct {
	Target  slipway.TargetID
	Name    string
	Version int
}

func (w What) String() string {
	return fmt.Sprintf("%s of %s, version %d", w.Name, w.Target, w.Version)
}

const (
	magic   = "slipway-secret/1\n"
	idBytes = 8
)

// seal makes the envelope of a value.
func (k key) seal(w What, value []byte) ([]byte, error) {
	var text bytes.Buffer
	in, err := age.Encrypt(&text, k.identity.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := in.Write(value); err != nil {
		return nil, err
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{[]byte(magic), k.id[:], k.code(w, text.Bytes()), text.Bytes()}, nil), nil
}

// envelope is one that was taken apart.
type envelope struct {
	key  keyID
	code []byte
	text []byte
}

func parse(sealed []byte) (envelope, bool) {
	rest, ok := bytes.CutPrefix(sealed, []byte(magic))
	if !ok || len(rest) < idBytes+sha256.Size {
		return envelope{}, false
	}
	return envelope{keyID(rest[:idBytes]), rest[idBytes : idBytes+sha256.Size], rest[idBytes+sha256.Size:]}, true
}

// open returns the value, or an Invalid error when the envelope is not w's.
func (k key) open(w What, e envelope) ([]byte, error) {
	none := slipway.Errorf(slipway.Invalid, "what is kept as the secret %s was not sealed as that", w).
		Do("Set it again: slipway secret set %s %s %s", w.Target.Service, w.Target.Environment, w.Name)
	if !hmac.Equal(e.code, k.code(w, e.text)) {
		return nil, none
	}
	r, err := age.Decrypt(bytes.NewReader(e.text), k.identity)
	if err == nil {
		var value []byte
		value, err = io.ReadAll(io.LimitReader(r, MaxValue+1))
		if err == nil && len(value) <= MaxValue {
			return value, nil
		}
	}
	none.Err = err
	return nil, none
}

// code authenticates what an envelope is, together with its ciphertext. Each
// part is preceded by its length, so that no two ways to read it are the same.
func (k key) code(w What, text []byte) []byte {
	h := hmac.New(sha256.New, k.authentic)
	for _, part := range [][]byte{[]byte(w.Target.Service), []byte(w.Target.Environment), []byte(w.Name), fmt.Append(nil, w.Version), text} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // a hash takes everything
		_, _ = h.Write(part)
	}
	return h.Sum(nil)
}
