package auth

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway"
)

// AddUser adds a person and returns their token, which is known to nobody else
// and cannot be shown again. It returns Invalid for a bad name, role or
// environment, and Exists when there is such a user.
func (a *Auth) AddUser(ctx context.Context, by slipway.Actor, u slipway.User) (token string, err error) {
	token = New(UserPrefix)
	return token, a.addUser(ctx, by, u, token)
}

func (a *Auth) addUser(ctx context.Context, by slipway.Actor, u slipway.User, token string) error {
	if !validUser(u.Name) {
		return slipway.Errorf(slipway.Invalid, "%q cannot name a user; use 1 to 63 letters, digits and . _ - @ +, a letter or digit first", u.Name)
	}
	if err := u.Role.Validate(); err != nil {
		return err
	}
	all, err := a.store.Environments(ctx)
	if err != nil {
		return err
	}
	for _, env := range u.Environments {
		if _, err := all.Find(env); err != nil {
			return err
		}
	}
	u.CreatedAt = time.Now()
	t := slipway.Token{Hash: Hash(token), Principal: principal(u), Kind: "user"}
	return a.store.AddUser(ctx, u, t, slipway.Event{
		At: u.CreatedAt, Kind: slipway.UserAdded, Actor: by, Text: u.Name + " may use this installation as " + string(u.Role),
	})
}

func principal(u slipway.User) slipway.Principal {
	return slipway.Principal{
		Actor: slipway.Actor{Kind: slipway.ActorUser, Name: u.Name},
		Role:  u.Role, Environments: u.Environments,
	}
}

// validUser keeps names to what stands unescaped in a line of text, a URL's
// credentials and a git identity.
func validUser(name string) bool {
	if name == "" || len(name) > 63 {
		return false
	}
	for i, c := range []byte(name) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		punct := i > 0 && (c == '.' || c == '_' || c == '-' || c == '@' || c == '+')
		if !alnum && !punct {
			return false
		}
	}
	return true
}

// Users lists the people who may use this installation.
func (a *Auth) Users(ctx context.Context) ([]slipway.User, error) { return a.store.Users(ctx) }
