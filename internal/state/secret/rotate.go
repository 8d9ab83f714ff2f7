package secret

import (
	"context"
	"slices"

	"github.com/slipway-cd/slipway"
)

// Sealed are all envelopes there are.
type Sealed interface {
	// EverySecret lists each version of each secret.
	EverySecret(ctx context.Context) ([]slipway.Secret, error)
	// ResealSecret replaces the envelope of s by another, if it still is
	// s.Sealed.
	ResealSecret(ctx context.Context, s slipway.Secret, sealed []byte) error
}

// Rotation says what a change of the master key has done.
type Rotation struct {
	Key      string // name of the one that seals now
	Resealed int
	Former   string // file that holds the keys of before; "" when there were none
}

// Rotate puts a new master key in the place of the present one and seals
// everything for it. It may be interrupted anywhere: until it has ended both
// keys open, and the next time it goes on where it was. A key that is not ours to
// write is not made: then everything is sealed for the first one of its file.
//
// An envelope that cannot be opened stays as it is, and so do all keys; it is
// returned as an error.
func (r *Keyring) Rotate(ctx context.Context, all Sealed) (Rotation, error) {
	if err := r.begin(); err != nil {
		return Rotation{}, err
	}
	now, resealed, err := r.reseal(ctx, all)
	done := Rotation{Key: now.id.String(), Resealed: resealed}
	if err != nil || !r.place.Ours {
		return done, err
	}
	done.Former, err = r.finish(now)
	return done, err
}

// begin makes the new key, unless one was made that has not replaced the other
// yet.
func (r *Keyring) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.need(); err != nil {
		return err
	}
	if !r.place.Ours || len(r.keys) > 1 {
		return nil
	}
	k, err := generate()
	if err != nil {
		return err
	}
	keys := append([]key{k}, r.keys...)
	if err := r.place.save(keys); err != nil {
		return err
	}
	r.keys = keys
	return nil
}

func (r *Keyring) reseal(ctx context.Context, all Sealed) (now key, n int, err error) {
	r.mu.Lock()
	now = r.keys[0]
	r.mu.Unlock()
	secrets, err := all.EverySecret(ctx)
	if err != nil {
		return now, 0, err
	}
	for _, s := range secrets {
		if e, ok := parse(s.Sealed); ok && e.key == now.id {
			continue
		}
		w := What{s.Target, s.Name, s.Version}
		value, err := r.Open(w, s.Sealed)
		if err != nil {
			return now, n, err
		}
		sealed, err := now.seal(w, value)
		clear(value)
		if err != nil {
			return now, n, err
		}
		if err := all.ResealSecret(ctx, s, sealed); err != nil {
			return now, n, err
		}
		n++
	}
	return now, n, nil
}

// finish takes the keys away that seal nothing any more. They are kept in a file
// beside the key: earlier backups open with them.
func (r *Keyring) finish(now key) (former string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.read(); err != nil {
		return "", err
	}
	old := slices.DeleteFunc(slices.Clone(r.keys), func(k key) bool { return k.id == now.id })
	if len(old) == 0 {
		return "", nil
	}
	kept := r.place.former()
	before, err := kept.load()
	if err != nil {
		return "", err
	}
	for _, k := range before {
		if !slices.ContainsFunc(old, func(o key) bool { return o.id == k.id }) {
			old = append(old, k)
		}
	}
	if err := kept.save(old); err != nil {
		return "", err
	}
	if err := r.place.save([]key{now}); err != nil {
		return "", err
	}
	r.keys = []key{now}
	return kept.File, nil
}
