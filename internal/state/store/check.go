package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Check looks whether the database that url names can be reached and is sound,
// and changes nothing. It returns what [Open] would, and NotFound when there is
// no file.
func Check(ctx context.Context, url string) (err error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return slipway.Errorf(slipway.NotFound, "there is no database file %s", path).Do("start Slipway, which makes it: slipway up")
		}
	}
	s, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.engine.check != nil {
		if err := s.engine.check(ctx, s.reading); err != nil {
			return s.fail(err, "be checked")
		}
	}
	_, err = s.Now(ctx)
	return err
}
