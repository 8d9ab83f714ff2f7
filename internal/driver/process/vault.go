package process

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway/internal/redact"
)

// vault holds the secrets of an instance in the memory of its shim, from when
// the driver has given them.
type vault struct {
	wanted []Given
	dir    string // of files

	mu     sync.Mutex
	values map[string][]byte
	why    string        // why there are none yet
	news   chan struct{} // closed and replaced when either changes
	set    *redact.Set
}

func newVault(s Spec) *vault {
	return &vault{wanted: s.Secrets, dir: s.SecretDir, news: make(chan struct{})}
}

// take keeps values, if they are all that is wanted.
func (v *vault) take(text []byte) error {
	var values map[string][]byte
	if json.Unmarshal(text, &values) != nil { // whose error may quote a value
		return errors.New("the secrets cannot be read")
	}
	var hidden [][]byte
	for _, w := range v.wanted {
		if _, ok := values[w.Name]; !ok {
			return errors.New("a secret is missing: " + w.Name)
		}
		hidden = append(hidden, values[w.Name])
	}
	set := redact.New(hidden...)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values, v.set = values, set
	v.tell("")
	return nil
}

func (v *vault) lack(why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tell(why)
}

func (v *vault) tell(why string) {
	v.why = why
	close(v.news)
	v.news = make(chan struct{})
}

// look reports whether the instance can start, else why not, and what is closed
// when that changes.
func (v *vault) look() (ok bool, why string, news <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	why = "it waits for its secrets"
	if v.why != "" {
		why += ": " + v.why
	}
	return v.values != nil || len(v.wanted) == 0, why, v.news
}

// lay writes the files, for the program that is about to start.
func (v *vault) lay() error {
	if v == nil || v.dir == "" {
		return nil
	}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.wanted {
		if !w.File {
			continue
		}
		path := filepath.Join(v.dir, w.Name)
		if err := os.WriteFile(path+".new", v.values[w.Name], 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the files, for good.
func (v *vault) drop() {
	if v.dir != "" {
		_ = os.RemoveAll(v.dir)
	}
}

// environ is env with the secrets, which are the only ones of their names.
func (v *vault) environ(env []string) []string {
	if v == nil || len(v.wanted) == 0 {
		return env
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var own []string
	names := map[string]bool{}
	for _, w := range v.wanted {
		name, value := w.Name, string(v.values[w.Name])
		if w.File {
			name, value = w.Name+"_FILE", filepath.Join(v.dir, w.Name)
		}
		names[name] = true
		own = append(own, name+"="+value)
	}
	rest := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return names[name]
	})
	return append(rest, own...)
}

// hide keeps the secrets out of a text for people. While a shim that has adopted
// a program does not have them yet, it shows nothing of what others have said,
// which stands in quotes.
func (v *vault) hide(text string) string {
	if v == nil || len(v.wanted) == 0 {
		return text
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.values == nil {
		if own, _, quoted := strings.Cut(text, `"`); quoted {
			return own + redact.Mask
		}
		return text
	}
	return v.set.Text(text)
}

// hidePrinted keeps the secrets out of what the program has printed, once they are
// known; of a text that is not whole, what may be the beginning of one at its
// end, too.
func (v *vault) hidePrinted(text []byte, whole bool) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if whole {
		return v.set.Text(string(text))
	}
	return v.set.Head(string(text))
}

// hear takes in what a driver says, until conn is closed. A bare new line means:
// look whether there is an order.
func (s *shim) hear(conn io.Reader) {
	in := bufio.NewReader(conn)
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return
		}
		if kind != sayValues && kind != sayLack {
			s.heed()
			continue
		}
		text, err := message(in)
		if err != nil {
			return
		}
		if kind == sayLack {
			s.vault.lack(string(text))
		} else if err := s.vault.take(text); err != nil {
			s.log.Error("take secrets", "err", err)
		}
		clear(text)
	}
}

func message(in io.Reader) ([]byte, error) {
	var size uint32
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size > maxMessage {
		return nil, errors.New("a message is too long")
	}
	text := make([]byte, size)
	_, err := io.ReadFull(in, text)
	return text, err
}
