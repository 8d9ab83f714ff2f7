package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
)

// How long a login link and a browser's session are good.
const (
	LoginFor   = 10 * time.Minute
	SessionFor = 14 * 24 * time.Hour
)

// cookie names what holds the session token. It is sent to the one host that
// the pages answer; no other name, not even one beside it, sees it. By https the
// browser sees to it that nobody else can set it, either.
func (a *Auth) cookie() string {
	if a.Secure {
		return "__Host-" + slipway.SessionCookie
	}
	return slipway.SessionCookie
}

// Login makes a token for a link that logs a browser in as p, once, within
// [LoginFor]. Only people may.
func (a *Auth) Login(ctx context.Context, p slipway.Principal) (token string, expires time.Time, err error) {
	if p.Role == "" || p.Actor.Kind != slipway.ActorUser {
		return "", time.Time{}, slipway.Errorf(slipway.Forbidden, "only people log in to the pages, and %s is not one", p.Actor.Name)
	}
	token, expires = New(loginPrefix), time.Now().Add(LoginFor)
	err = a.store.AddToken(ctx, slipway.Token{Hash: Hash(token), Principal: p, ExpiresAt: expires, Kind: "login"})
	return token, expires, err
}

// Begin takes the token of a login link, which is worth nothing afterwards, and
// gives the browser a session. It returns Unauthenticated when the link was
// used before or is too old.
func (a *Auth) Begin(w http.ResponseWriter, r *http.Request, login string) error {
	used := slipway.Errorf(slipway.Unauthenticated, "this link was used before, or is older than ten minutes").
		Do("make another: slipway login")
	if !wellFormed(login, loginPrefix) {
		return used
	}
	p, err := a.store.TakeToken(r.Context(), Hash(login))
	if slipway.CodeOf(err) == slipway.Unauthenticated {
		return used
	}
	if err != nil {
		return err
	}
	session := New(sessionPrefix)
	expires := time.Now().Add(SessionFor)
	err = a.store.AddToken(r.Context(), slipway.Token{Hash: Hash(session), Principal: p, ExpiresAt: expires, Kind: "session"})
	if err != nil {
		return err
	}
	http.SetCookie(w, a.sessionCookie(session, int(SessionFor/time.Second)))
	return nil
}

// Session says whose browser sent r. It asks the store each time: a session
// that was ended is over at once.
func (a *Auth) Session(r *http.Request) (slipway.Principal, error) {
	c, err := r.Cookie(a.cookie())
	if err != nil || !wellFormed(c.Value, sessionPrefix) {
		return slipway.Principal{}, signedOut()
	}
	p, err := a.store.TokenPrincipal(r.Context(), Hash(c.Value))
	if slipway.CodeOf(err) == slipway.Unauthenticated {
		return slipway.Principal{}, signedOut()
	}
	return p, err
}

func signedOut() error {
	return slipway.Errorf(slipway.Unauthenticated, "you are not signed in").Do("make a link that signs you in: slipway login")
}

// End ends the browser's session, if it has one.
func (a *Auth) End(w http.ResponseWriter, r *http.Request) error {
	c, err := r.Cookie(a.cookie())
	if err != nil {
		return nil
	}
	http.SetCookie(w, a.sessionCookie("", -1))
	return a.store.RevokeToken(r.Context(), Hash(c.Value))
}

func (a *Auth) sessionCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: a.cookie(), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: a.Secure,
	}
}
