package daemon

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/server/auth"
)

// Each kind of token opens the doors that it is for, and no other, however it is
// sent.
func TestEachTokenOpensItsOwnDoors(t *testing.T) {
	at := place{url: "http://127.0.0.1:7070", pages: "http://slipway.localhost:7070"}
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	seat, err := data.takeSeat(true)
	if err != nil {
		t.Fatal(err)
	}
	defer seat.leave()
	p, err := wire(t.Context(), seat, ServerOptions{RoutePort: 8080, Queues: []slipway.Queue{"default"}}, at, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	opens := map[string]string{
		"nobody":  "health",
		"viewer":  "API, fetch, health, images",
		"admin":   "API, fetch, health, images, push",
		"queue":   "health, new agent",
		"agent":   "agent, health",
		"job":     "API, fetch, health, images",
		"router":  "health, routes",
		"login":   "health",
		"session": "health, pages",
	}
	for bearer, token := range tokens(t, p, data) {
		if got := strings.Join(opened(p.handler(at), at, token), ", "); got != opens[bearer] {
			t.Errorf("the token of %s opens %s, want %s", bearer, got, opens[bearer])
		}
	}
}

// opened lists the doors where token is not refused.
func opened(server http.Handler, at place, token string) (names []string) {
	doors := map[string]string{
		"API":       "GET " + at.url + "/api/v1/targets",
		"fetch":     "GET " + at.url + "/git/shop.git/info/refs?service=git-upload-pack",
		"push":      "GET " + at.url + "/git/shop.git/info/refs?service=git-receive-pack",
		"images":    "GET " + at.url + "/v2/",
		"agent":     "POST " + at.url + "/agent/v3/heartbeat",
		"new agent": "POST " + at.url + "/agent/v3/register",
		"routes":    "GET " + at.url + "/router/v1/table",
		"pages":     "GET " + at.pages + "/",
		"health":    "GET " + at.url + "/healthz",
	}
	ways := []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
		func(r *http.Request) { r.Header.Set("Authorization", "Token "+token) },
		func(r *http.Request) { r.SetBasicAuth("slipway", token) },
		func(r *http.Request) { r.AddCookie(&http.Cookie{Name: slipway.SessionCookie, Value: token}) },
		func(r *http.Request) { r.URL.RawQuery += "&token=" + token + "&access_token=" + token },
	}
	for name, door := range doors {
		method, url, _ := strings.Cut(door, " ")
		if slices.ContainsFunc(ways, func(carry func(*http.Request)) bool {
			r := httptest.NewRequest(method, url, strings.NewReader(`{"name": "one"}`))
			carry(r)
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			return w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden
		}) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// tokens is one of each kind.
func tokens(t *testing.T, p *parts, data Data) map[string]string {
	t.Helper()
	ctx := t.Context()
	must := func(token string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	all := map[string]string{
		"nobody": "",
		"viewer": must(p.auth.AddUser(ctx, slipway.System, slipway.User{Name: "vera", Role: slipway.Viewer})),
		"admin":  must(auth.ReadToken(data.adminToken())),
		"queue":  must(auth.ReadToken(data.agentToken("default"))),
		"router": must(auth.ReadToken(data.routerToken())),
		"job":    auth.New(auth.JobPrefix),
	}
	all["agent"] = must(func() (string, error) {
		_, token, err := p.dispatch.Register(ctx, slipway.Principal{Queues: []slipway.Queue{"default"}}, slipway.Agent{Name: "one"})
		return token, err
	}())
	job := slipway.Principal{
		Actor: slipway.Actor{Kind: slipway.ActorJob, Name: "shop/1 test"},
		Job:   &slipway.JobGrant{Repository: "shop", Repositories: []slipway.RepositoryName{"shop"}},
	}
	if err := p.store.AddToken(ctx, slipway.Token{Hash: auth.Hash(all["job"]), Kind: "job", Principal: job}); err != nil {
		t.Fatal(err)
	}
	admin, err := p.auth.Authenticate(ctx, all["admin"])
	if err != nil {
		t.Fatal(err)
	}
	login := func() string {
		link, _, err := p.auth.Login(ctx, admin)
		return must(link, err)
	}
	all["login"] = login()
	w := httptest.NewRecorder()
	if err := p.auth.Begin(w, httptest.NewRequest("GET", "/login", nil), login()); err != nil {
		t.Fatal(err)
	}
	all["session"] = w.Result().Cookies()[0].Value
	return all
}
