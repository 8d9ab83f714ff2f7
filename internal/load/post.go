package load

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// SumHeader carries the SHA-256 of the body that a service has read, in hex.
const SumHeader = "Body-Sum"

// poster sends bodies.
type poster struct {
	asker
	size int
}

// Post is [Door.Post] through the zero Door.
func Post(address string, size int) Visitor { return Door{}.Post(address, size) }

func (v poster) Visit(r Request) error {
	body := []byte(strings.Repeat(r.ID+"\n", v.size/(len(r.ID)+1)+1)[:v.size])
	a, err := v.ask("POST", body, r)
	if err != nil {
		return err
	}
	if err := a.own(); err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if want := hex.EncodeToString(sum[:]); a.Header.Get(SumHeader) != want || a.sum != want {
		return fmt.Errorf("another body: %d bytes were sent, %d came back", len(body), a.bytes)
	}
	return nil
}
