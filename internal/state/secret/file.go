package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/slipway-cd/slipway"
)

const maxKeyFile = 64 << 10

// load reads the keys of a file, the one that seals first. There are none when
// there is no file.
func (p Place) load() ([]key, error) {
	f, err := os.Open(p.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "the master key cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if p.Ours && info.Mode()&0o077 != 0 {
		return nil, slipway.Errorf(slipway.Unavailable, "the master key %s can be read by others", p.File).Do("Make it yours alone: chmod 600 %s", p.File)
	}
	text := make([]byte, min(info.Size(), maxKeyFile))
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "the master key %s cannot be read: %w", p.File, err)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		// The cause may quote the key.
		return nil, slipway.Errorf(slipway.Unavailable, "%s holds no master key", p.File).Do("It has to be what slipway or age-keygen wrote.")
	}
	var keys []key
	for _, identity := range identities {
		x, ok := identity.(*age.X25519Identity)
		if !ok {
			return nil, slipway.Errorf(slipway.Unavailable, "%s holds a key of a kind that slipway does not use", p.File).Do("Use one that age-keygen makes.")
		}
		k, err := newKey(x)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// save replaces the file: a crash leaves the keys of before or these.
func (p Place) save(keys []key) (err error) {
	dir := filepath.Dir(p.File)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return p.unwritten(err)
	}
	tmp, err := os.CreateTemp(dir, ".master-*") // 0600
	if err != nil {
		return p.unwritten(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = fmt.Fprint(tmp, "# The master key of slipway: it opens the secrets. Keep a copy where no backup of the data directory is.\n")
	for _, k := range keys {
		if err == nil {
			_, err = fmt.Fprintf(tmp, "%s\n", k.identity)
		}
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return p.unwritten(err)
	}
	if err := os.Rename(tmp.Name(), p.File); err != nil {
		return p.unwritten(err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (p Place) unwritten(err error) error {
	return slipway.Errorf(slipway.Unavailable, "the master key cannot be written to %s: %w", p.File, err).Do("Name another file: %s", KeyFileEnv)
}

// former is where keys go that seal nothing any more.
func (p Place) former() Place {
	f := p
	f.File += ".former"
	return f
}
