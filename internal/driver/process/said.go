package process

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-cd/slipway"
)

// hearsay is what the driver knows of what an instance has said: its shim's
// file, which is read again when it is another one.
type hearsay struct {
	mu   sync.Mutex
	file os.FileInfo
	said *slipway.Said
}

// look reads what the shim of the instance in dir has written down last; nil when
// it has not, as one from before it could.
func (h *hearsay) look(dir string) *slipway.Said {
	path := filepath.Join(dir, saidFile)
	h.mu.Lock()
	defer h.mu.Unlock()
	file, err := os.Stat(path)
	if err != nil {
		return h.said // the instance is being forgotten, or has said nothing
	}
	if h.file != nil && os.SameFile(file, h.file) && file.ModTime().Equal(h.file.ModTime()) {
		return h.said
	}
	var now heard
	if loadJSON(path, &now) == nil {
		h.file, h.said = file, &now.Said
	}
	return h.said
}
