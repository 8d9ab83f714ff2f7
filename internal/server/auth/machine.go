package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway"
)

// AddAgentToken makes a token with which agents register to take jobs of
// exactly queues.
func (a *Auth) AddAgentToken(ctx context.Context, queues ...slipway.Queue) (token string, err error) {
	p, err := agentPrincipal(queues)
	if err != nil {
		return "", err
	}
	token = New(AgentPrefix)
	return token, a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: p, Kind: "agent"})
}

// AddRouterToken makes a token for the one router that is called id.
func (a *Auth) AddRouterToken(ctx context.Context, id slipway.RouterID) (token string, err error) {
	if err := id.Validate(); err != nil {
		return "", err
	}
	token = New(RouterPrefix)
	return token, a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: routerPrincipal(id), Kind: "router"})
}

func routerPrincipal(id slipway.RouterID) slipway.Principal {
	return slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorRouter, Name: string(id)}, Router: id}
}

func agentPrincipal(queues []slipway.Queue) (slipway.Principal, error) {
	if len(queues) == 0 || len(queues) > 100 {
		return slipway.Principal{}, slipway.Errorf(slipway.Invalid, "a token of an agent names 1 to 100 queues, not %d", len(queues))
	}
	var names []string
	for _, q := range queues {
		if err := q.Validate(); err != nil {
			return slipway.Principal{}, err
		}
		names = append(names, string(q))
	}
	return slipway.Principal{
		Actor:  slipway.Actor{Kind: slipway.ActorAgent, Name: "agents of " + strings.Join(names, ", ")},
		Queues: queues,
	}, nil
}

// EnsureAdmin makes sure that the token in file is an administrator's, and
// makes file and user when they are missing: so the first start, one that
// was cut off half way, and one after the file was lost all end the same. name is
// what the administrator is called when there is none yet.
func (a *Auth) EnsureAdmin(ctx context.Context, file, name string) error {
	u := slipway.User{Name: name, Role: slipway.Admin}
	return a.ensure(ctx, file, UserPrefix, func(token string) error {
		err := a.addUser(ctx, slipway.System, u, token)
		if slipway.CodeOf(err) != slipway.Exists {
			return err
		}
		// The file was lost; whoever holds the data directory is the administrator.
		return a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: principal(u), Kind: "user"})
	})
}

// EnsureAgent does the same for a token of agents on this machine.
func (a *Auth) EnsureAgent(ctx context.Context, file string, queues ...slipway.Queue) error {
	p, err := agentPrincipal(queues)
	if err != nil {
		return err
	}
	return a.ensure(ctx, file, AgentPrefix, func(token string) error {
		return a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: p, Kind: "agent"})
	})
}

// EnsureRouter does the same for the token of a router on this machine.
func (a *Auth) EnsureRouter(ctx context.Context, file string, id slipway.RouterID) error {
	return a.ensure(ctx, file, RouterPrefix, func(token string) error {
		return a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: routerPrincipal(id), Kind: "router"})
	})
}

// ensure makes file hold a token that the store knows. The file is written
// first: a token that only the store knows would be lost.
func (a *Auth) ensure(ctx context.Context, file, prefix string, add func(token string) error) error {
	token, err := ReadToken(file)
	switch slipway.CodeOf(err) {
	case "":
		if !wellFormed(token, prefix) {
			return slipway.Errorf(slipway.Invalid, "%s does not hold a token that begins with %s", file, prefix).
				Do("remove it and start again: a new one is made")
		}
	case slipway.NotFound:
		token = New(prefix)
		if err := writeToken(file, token); err != nil {
			return fmt.Errorf("keeping a token: %w", err)
		}
	default:
		return err
	}
	_, err = a.store.TokenPrincipal(ctx, Hash(token))
	if slipway.CodeOf(err) != slipway.Unauthenticated {
		return err
	}
	err = add(token)
	if slipway.CodeOf(err) == slipway.Exists { // another server that starts has added it
		_, err = a.store.TokenPrincipal(ctx, Hash(token))
	}
	return err
}
