package daemon

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	// keyLock is held by who seals secrets, and by who changes the key that they
	// are sealed for.
	keyLock = "key"

	keyWithin = 15 * time.Second // a change of the key that takes longer is not waited for
)

// aloneWithKey waits until no other server on the data directory seals secrets
// or changes the master key. It returns Conflict when that takes too long.
func (d Data) aloneWithKey(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, keyWithin)
	defer cancel()
	for {
		held, err := d.lockData(keyLock)
		if err == nil {
			return held.release, nil
		}
		if slipway.CodeOf(err) != slipway.Conflict {
			return nil, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, slipway.Errorf(slipway.Conflict, "the master key is just being changed").Do("ask again when that has ended")
		}
	}
}
