package secret

import (
	"slices"
	"sync"

	"github.com/slipway-cd/slipway"
)

// Keyring seals and opens with the keys of a place, which is read when they are
// needed. It may be used by many goroutines.
type Keyring struct {
	place  Place
	broken error // why there is no place for a key

	mu   sync.Mutex
	keys []key // the first seals
}

// New makes a Keyring of the key at a place. It reads nothing yet.
func New(p Place) *Keyring { return &Keyring{place: p} }

// Without makes a Keyring that has no key, and says why.
func Without(why error) *Keyring { return &Keyring{broken: why} }

// Place is where the key is.
func (r *Keyring) Place() Place { return r.place }

// Seal seals a value with the master key, which is made when there is none. It
// returns TooLarge, or Unavailable when the key cannot be read or made.
func (r *Keyring) Seal(w What, value []byte) ([]byte, error) {
	if len(value) > MaxValue {
		return nil, slipway.Errorf(slipway.TooLarge, "the secret %s has more than %d KiB", w.Name, MaxValue>>10)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.need(); err != nil {
		return nil, err
	}
	return r.keys[0].seal(w, value)
}

// need reads the key, or makes it.
func (r *Keyring) need() error {
	if err := r.read(); err != nil || len(r.keys) > 0 {
		return err
	}
	if !r.place.Ours {
		return slipway.Errorf(slipway.Unavailable, "there is no master key in %s", r.place.File).Do("To mend that: %s", r.place.remedy)
	}
	k, err := generate()
	if err != nil {
		return err
	}
	if err := r.place.save([]key{k}); err != nil {
		return err
	}
	r.keys = []key{k}
	return nil
}

func (r *Keyring) read() error {
	if r.broken != nil {
		return r.broken
	}
	keys, err := r.place.load()
	if err != nil {
		return err
	}
	if len(keys) == 0 && len(r.keys) > 0 { // another one would not open what this one has sealed
		return slipway.Errorf(slipway.Unavailable, "the master key is gone from %s", r.place.File).
			Do("Put it back. If there is no copy of it, start the server again and set each secret again: slipway secret set SERVICE ENV NAME")
	}
	r.keys = keys
	return nil
}

// Open returns the value of an envelope. It returns Unavailable when it was
// sealed for another key, and Invalid when it was not sealed as w.
func (r *Keyring) Open(w What, sealed []byte) ([]byte, error) {
	e, ok := parse(sealed)
	if !ok {
		return nil, slipway.Errorf(slipway.Invalid, "what is kept as the secret %s is no envelope", w)
	}
	k, err := r.find(e.key)
	if err != nil {
		return nil, err
	}
	return k.open(w, e)
}

// find looks in the place again for a key that is not known: another server may
// have changed it.
func (r *Keyring) find(id keyID) (key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.index(id); i >= 0 {
		return r.keys[i], nil
	}
	if err := r.read(); err != nil {
		return key{}, err
	}
	if i := r.index(id); i >= 0 {
		return r.keys[i], nil
	}
	former, err := r.place.former().load() // of a backup from before the key was changed
	if err == nil {
		if i := slices.IndexFunc(former, func(k key) bool { return k.id == id }); i >= 0 {
			return former[i], nil
		}
	}
	return key{}, r.lacks(id)
}

func (r *Keyring) index(id keyID) int {
	return slices.IndexFunc(r.keys, func(k key) bool { return k.id == id })
}

// lacks is the one error that says that the data came without its key.
func (r *Keyring) lacks(id keyID) error {
	found := "there is none in " + r.place.File
	if len(r.keys) > 0 {
		found = "the one in " + r.place.File + " is " + r.keys[0].id.String()
	}
	return slipway.Errorf(slipway.Unavailable, "the secrets here were sealed for the master key %s; %s", id, found).
		Do("Add the line of that key (AGE-SECRET-KEY-…) to %s, or set each secret again: slipway secret set SERVICE ENV NAME", r.place.File)
}

// Holds reports an error when the key that an envelope was sealed for is not
// here.
func (r *Keyring) Holds(sealed []byte) error {
	e, ok := parse(sealed)
	if !ok {
		return slipway.Errorf(slipway.Invalid, "a secret that is kept is no envelope")
	}
	_, err := r.find(e.key)
	return err
}
