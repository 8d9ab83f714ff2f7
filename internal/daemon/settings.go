package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/secret"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// settings are what environments set for services, with the key that opens what
// of it is secret. Controller, driver, API and logs each take what they need.
type settings struct {
	*store.Store
	keys   *secret.Keyring
	data   Data
	log    *slog.Logger
	hidden hiddenSets

	mu      sync.Mutex      // guards what follows
	stoodIn map[string]bool // told already
	sealing sync.Mutex      // held before the lock of the key
}

func newSettings(s *store.Store, data Data, getenv func(string) string, log *slog.Logger) *settings {
	place, err := secret.Find(data.Dir, getenv)
	keys := secret.New(place)
	if err != nil {
		keys = secret.Without(err)
	}
	return &settings{Store: s, keys: keys, data: data, log: log, stoodIn: map[string]bool{}}
}

// check tells once, at the start, that there are secrets without their key.
// What needs none of them goes on.
func (s *settings) check(ctx context.Context) error {
	all, err := s.EverySecret(ctx)
	if err != nil {
		return err
	}
	var lost int
	for _, v := range all {
		if e := s.Opens(v); e != nil {
			err = e
			lost++
		}
	}
	if lost > 0 {
		s.log.Error("secrets cannot be opened", "count", lost, "err", err)
	}
	return nil
}

func what(s slipway.Secret) secret.What {
	return secret.What{Target: s.Target, Name: s.Name, Version: s.Version}
}

// Opens reports an error when the key that s was sealed for is not here.
func (s *settings) Opens(v slipway.Secret) error { return s.keys.Holds(v.Sealed) }

// alone keeps everybody else, in this server and others, from sealing and from
// changing the key: what is sealed for a key must be seen by who replaces it.
func (s *settings) alone(ctx context.Context) (release func(), err error) {
	s.sealing.Lock()
	unlock, err := s.data.aloneWithKey(ctx)
	if err != nil {
		s.sealing.Unlock()
		return nil, err
	}
	return func() { unlock(); s.sealing.Unlock() }, nil
}

// SetSecret seals a value as the next version of a secret.
func (s *settings) SetSecret(ctx context.Context, by slipway.Secret, value []byte, events ...slipway.Event) (slipway.Secret, error) {
	release, err := s.alone(ctx)
	if err != nil {
		return slipway.Secret{}, err
	}
	defer release()
	return s.AddSecret(ctx, by, slipway.MaxSettings, func(version int) ([]byte, error) {
		by.Version = version
		return s.keys.Seal(what(by), value)
	}, events...)
}

// RotateKey changes the master key; one at a time.
func (s *settings) RotateKey(ctx context.Context) (key string, resealed int, former string, err error) {
	release, err := s.alone(ctx)
	if err != nil {
		return "", 0, "", err
	}
	defer release()
	done, err := s.keys.Rotate(ctx, s.Store)
	if err != nil {
		return "", 0, "", err
	}
	s.log.Info("the master key was changed", "key", done.Key, "resealed", done.Resealed)
	return done.Key, done.Resealed, done.Former, s.AppendEvents(ctx, slipway.Event{
		At: time.Now().UTC(), Kind: slipway.MasterKeyChanged, Actor: slipway.System,
		Text: fmt.Sprintf("the master key was changed: %d secrets are sealed for %s", done.Resealed, done.Key),
	})
}

// give opens secrets for instances. A version that was retired since is never
// given: the newest stands in, and that is told.
func (s *settings) give(ctx context.Context, t slipway.TargetID, versions []slipway.SecretVersion) (map[string][]byte, error) {
	all, err := s.Secrets(ctx, t)
	if err != nil {
		return nil, err
	}
	values := map[string][]byte{}
	for _, want := range versions {
		got, err := pick(all, want)
		if err != nil {
			return nil, err
		}
		if got.Version != want.Version {
			s.tellStandIn(ctx, got, want)
		}
		if values[want.Name], err = s.keys.Open(what(got), got.Sealed); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// pick finds a version among all of a target, of which the newest of each is
// first.
func pick(all []slipway.Secret, want slipway.SecretVersion) (slipway.Secret, error) {
	var newest *slipway.Secret
	for i, s := range all {
		if s.Name != want.Name {
			continue
		}
		if s.Version == want.Version && s.Retired.IsZero() {
			return s, nil
		}
		if newest == nil && s.Retired.IsZero() {
			newest = &all[i]
		}
	}
	if newest == nil {
		return slipway.Secret{}, slipway.Errorf(slipway.NotFound, "there is no secret %s@%d", want.Name, want.Version)
	}
	return *newest, nil
}

func (s *settings) tellStandIn(ctx context.Context, got slipway.Secret, want slipway.SecretVersion) {
	text := fmt.Sprintf("%s@%d of %s is retired: instances that start have %s@%d", want.Name, want.Version, got.Target, got.Name, got.Version)
	s.mu.Lock()
	told := s.stoodIn[text]
	s.stoodIn[text] = true
	s.mu.Unlock()
	if told {
		return
	}
	err := s.AppendEvents(ctx, slipway.Event{At: time.Now().UTC(), Kind: slipway.TargetChanged, Actor: slipway.System, Target: got.Target, Text: text})
	if err != nil {
		s.log.Warn(text, "err", err)
	}
}
