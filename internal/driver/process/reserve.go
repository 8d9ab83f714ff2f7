package process

import (
	"crypto/rand"
	"os"
)

// reserveSize is room for what is written while everything is ended: some
// blocks for each instance, which gives its own back when it is gone.
const reserveSize = 256 << 10

// reserve keeps a little space for the end. To stop an instance is an order on
// disk, and so is that it has stopped; a person who takes everything down
// because the disk is full must be able to.
type reserve struct{ path string }

// keep takes the space, unless there is none. Random bytes: a file system that
// compresses would keep no space for zeroes.
func (r reserve) keep() {
	if i, err := os.Stat(r.path); err == nil && i.Size() == reserveSize {
		return
	}
	b := make([]byte, reserveSize)
	_, _ = rand.Read(b)
	if os.WriteFile(r.path, b, 0o600) != nil {
		_ = os.Remove(r.path)
	}
}

// spend gives the space to what is written from now on.
func (r reserve) spend() { _ = os.Remove(r.path) }
