package store

import (
	"context"

	"github.com/slipway-cd/slipway"
)

// AddToken adds a token. It returns Exists when there is one of this hash.
func (s *Store) AddToken(ctx context.Context, token slipway.Token) error {
	return s.write(ctx, "add a token", func(ctx context.Context, t *tx) error {
		err := t.insertToken(ctx, token)
		if s.isDuplicate(err) {
			return slipway.Errorf(slipway.Exists, "there is such a token already")
		}
		return err
	})
}

// TokenPrincipal is who shows the token of this hash. It returns
// Unauthenticated when it is unknown or has expired.
func (s *Store) TokenPrincipal(ctx context.Context, hash string) (slipway.Principal, error) {
	p, err := one[slipway.Principal](ctx, s.reading, `SELECT principal FROM tokens WHERE hash = $1 AND `+s.unexpired(), hash)
	return p, s.fail(unknownToken(err), "look up a token")
}

// TakeToken is TokenPrincipal and RevokeToken in one: of many callers, one gets
// an answer.
func (s *Store) TakeToken(ctx context.Context, hash string) (slipway.Principal, error) {
	var p slipway.Principal
	err := s.write(ctx, "take a token", func(ctx context.Context, t *tx) (err error) {
		p, err = one[slipway.Principal](ctx, t, `DELETE FROM tokens WHERE hash = $1 AND `+s.unexpired()+` RETURNING principal`, hash)
		return unknownToken(err)
	})
	return p, err
}

// RevokeToken ends a token. One that is not known is none already.
func (s *Store) RevokeToken(ctx context.Context, hash string) error {
	return s.write(ctx, "revoke a token", func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM tokens WHERE hash = $1`, hash)
		return err
	})
}

// insertToken also sweeps up those that have expired, so that they do not pile up.
func (t *tx) insertToken(ctx context.Context, token slipway.Token) error {
	principal, err := encode(token.Principal)
	if err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `DELETE FROM tokens WHERE expires_at <> 0 AND expires_at <= `+t.store.engine.now); err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO tokens (hash, kind, expires_at, principal) VALUES ($1, $2, $3, $4)`,
		token.Hash, token.Kind, toMicros(token.ExpiresAt), principal)
	return err
}

func (s *Store) unexpired() string { return `(expires_at = 0 OR expires_at > ` + s.engine.now + `)` }

func unknownToken(err error) error {
	err = missing(err, "")
	if slipway.CodeOf(err) == slipway.NotFound {
		return slipway.Errorf(slipway.Unauthenticated, "the token is not known or has expired")
	}
	return err
}
