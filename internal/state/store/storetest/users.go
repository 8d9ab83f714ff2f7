package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func users(t *testing.T, s *store.Store) {
	u, p := Filled[slipway.User](), Filled[slipway.Principal]()
	u.Name = "grace"
	ok(t, s.AddUser(t.Context(), u, slipway.Token{Hash: "h1", Principal: p}, slipway.Event{Kind: slipway.UserAdded}))
	ok(t, s.AddUser(t.Context(), slipway.User{Name: "ada"}, slipway.Token{Hash: "h2"}))
	same(t, "users", []slipway.User{{Name: "ada"}, u}, value(s.Users(t.Context()))(t))
	same(t, "principal", p, value(s.TokenPrincipal(t.Context(), "h1"))(t))
	fails(t, slipway.Exists, s.AddUser(t.Context(), slipway.User{Name: "ada"}, slipway.Token{Hash: "h3"}))
	_, err := s.TokenPrincipal(t.Context(), "h3")
	fails(t, slipway.Unauthenticated, err)
}

func tokens(t *testing.T, s *store.Store) {
	now := value(s.Now(t.Context()))(t)
	p := Filled[slipway.Principal]()
	for hash, expires := range map[string]time.Time{"forever": {}, "tomorrow": now.Add(time.Hour), "soon": now.Add(300 * time.Millisecond), "over": now.Add(-time.Second)} {
		ok(t, s.AddToken(t.Context(), slipway.Token{Hash: hash, Principal: p, ExpiresAt: expires, Kind: "user"}))
	}
	for _, hash := range []string{"forever", "tomorrow"} {
		same(t, "principal", p, value(s.TokenPrincipal(t.Context(), hash))(t))
	}
	_, err := s.TokenPrincipal(t.Context(), "over")
	fails(t, slipway.Unauthenticated, err)
	_, err = s.TokenPrincipal(t.Context(), "unknown")
	fails(t, slipway.Unauthenticated, err)
	fails(t, slipway.Exists, s.AddToken(t.Context(), slipway.Token{Hash: "forever"}))

	time.Sleep(310 * time.Millisecond) // by the clock of the database, which a test cannot move
	_, err = s.TokenPrincipal(t.Context(), "soon")
	fails(t, slipway.Unauthenticated, err)
	_, err = s.TakeToken(t.Context(), "soon")
	fails(t, slipway.Unauthenticated, err)

	ok(t, s.RevokeToken(t.Context(), "forever"))
	ok(t, s.RevokeToken(t.Context(), "forever"))
	_, err = s.TokenPrincipal(t.Context(), "forever")
	fails(t, slipway.Unauthenticated, err)
}

func tokenTakenOnce(t *testing.T, s *store.Store) {
	p := Filled[slipway.Principal]()
	ok(t, s.AddToken(t.Context(), slipway.Token{Hash: "login", Principal: p, Kind: "login"}))
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := s.TakeToken(t.Context(), "login")
			if err == nil {
				taken.Add(1)
				same(t, "principal", p, got)
				return
			}
			fails(t, slipway.Unauthenticated, err)
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 1 {
		t.Errorf("taken %d times", n)
	}
}
