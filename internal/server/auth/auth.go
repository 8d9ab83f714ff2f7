package auth

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// Store keeps users and the hashes of tokens.
type Store interface {
	AddUser(context.Context, slipway.User, slipway.Token, ...slipway.Event) error
	Users(context.Context) ([]slipway.User, error)
	AddToken(context.Context, slipway.Token) error
	TokenPrincipal(ctx context.Context, hash string) (slipway.Principal, error)
	RevokeToken(ctx context.Context, hash string) error
	TakeToken(ctx context.Context, hash string) (slipway.Principal, error)
	Environments(context.Context) (slipway.Environments, error)
}

// Auth knows who may.
type Auth struct {
	Secure bool // browsers come by https, whoever ends it; set it before use

	store Store
}

// NewAuth makes an Auth over store.
func NewAuth(store Store) *Auth { return &Auth{store: store} }

// Authenticate says who bears token. It returns Unauthenticated when the token
// is not known, or is one of those that only browsers use.
func (a *Auth) Authenticate(ctx context.Context, token string) (slipway.Principal, error) {
	return a.bearer(ctx, token, UserPrefix, AgentPrefix, JobPrefix, RouterPrefix)
}

func (a *Auth) bearer(ctx context.Context, token string, prefixes ...string) (slipway.Principal, error) {
	switch {
	case token == "":
		return slipway.Principal{}, slipway.Errorf(slipway.Unauthenticated, "this needs a token").
			Do("give one as SLIPWAY_TOKEN, or send it as Authorization: Bearer TOKEN")
	case !wellFormed(token, prefixes...):
		return slipway.Principal{}, unknown()
	}
	p, err := a.store.TokenPrincipal(ctx, Hash(token))
	if slipway.CodeOf(err) == slipway.Unauthenticated {
		return slipway.Principal{}, unknown()
	}
	return p, err
}

func unknown() error {
	return slipway.Errorf(slipway.Unauthenticated, "the token is not known here, or is no longer valid").
		Do("ask an administrator for a new one: slipway user add NAME --role ROLE")
}

// While returns a context that ends with ctx, and soon after check, asked every
// interval, first fails. Streams use it so that they do not outlive the token or
// session that opened them. The caller calls stop.
func While(ctx context.Context, interval time.Duration, check func(context.Context) error) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := check(ctx); err != nil {
					cancel(err)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled); <-done }
}
