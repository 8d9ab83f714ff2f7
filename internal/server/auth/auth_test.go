package auth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/server/auth"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func newAuth(t *testing.T) (*auth.Auth, *store.Store) {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return auth.NewAuth(s), s
}

func TestUsers(t *testing.T) {
	a, s := newAuth(t)
	ctx := t.Context()
	token, err := a.AddUser(ctx, slipway.System, slipway.User{Name: "mei", Role: slipway.Deployer, Environments: []slipway.EnvironmentName{"test"}})
	if err != nil || !strings.HasPrefix(token, auth.UserPrefix) {
		t.Fatal(token, err)
	}
	p, err := a.Authenticate(ctx, token)
	if err != nil || p.Actor.Name != "mei" || !p.CanDeploy("test") || p.CanDeploy("prod") || p.CanAdminister() {
		t.Errorf("%+v, %v", p, err)
	}
	for _, tt := range []struct {
		user slipway.User
		code slipway.Code
	}{
		{slipway.User{Name: "mei", Role: slipway.Viewer}, slipway.Exists},
		{slipway.User{Name: "", Role: slipway.Viewer}, slipway.Invalid},
		{slipway.User{Name: "a b", Role: slipway.Viewer}, slipway.Invalid},
		{slipway.User{Name: "-x", Role: slipway.Viewer}, slipway.Invalid},
		{slipway.User{Name: "jon", Role: "king"}, slipway.Invalid},
		{slipway.User{Name: "jon", Role: slipway.Viewer, Environments: []slipway.EnvironmentName{"moon"}}, slipway.NotFound},
	} {
		if _, err := a.AddUser(ctx, slipway.System, tt.user); slipway.CodeOf(err) != tt.code {
			t.Errorf("%+v: %v, want %s", tt.user, err, tt.code)
		}
	}
	for _, bad := range []string{"", "x", "slu_", auth.UserPrefix + strings.Repeat("0", 64), auth.UserPrefix + strings.Repeat("z", 64), auth.Hash(token), strings.Replace(token, "slu_", "sla_", 1)} {
		if _, err := a.Authenticate(ctx, bad); slipway.CodeOf(err) != slipway.Unauthenticated {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := s.RevokeToken(ctx, auth.Hash(token)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(ctx, token); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("a revoked token is good: %v", err)
	}
}

func TestAdministratorOfTheFirstStart(t *testing.T) {
	a, _ := newAuth(t)
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "admin.token")
	admin := func() string {
		t.Helper()
		if err := a.EnsureAdmin(ctx, file, "me"); err != nil {
			t.Fatal(err)
		}
		token, err := auth.ReadToken(file)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := a.Authenticate(ctx, token); err != nil || !p.CanAdminister() {
			t.Fatalf("%+v, %v", p, err)
		}
		return token
	}
	first := admin()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if admin() != first {
		t.Error("a second start made another token")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if admin() == first {
		t.Error("a lost token came back")
	}
	// A start that was cut off after the file was written: the store is new.
	b, _ := newAuth(t)
	a = b
	admin()
	if err := os.WriteFile(file, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.EnsureAdmin(ctx, file, "me"); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("a broken file: %v", err)
	}
}

func TestAgentsAndRouters(t *testing.T) {
	a, _ := newAuth(t)
	ctx := t.Context()
	token, err := a.AddAgentToken(ctx, "test", "prod-corp:default")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := a.Authenticate(ctx, token); err != nil || len(p.Queues) != 2 || p.CanRead() || p.CanPush() {
		t.Errorf("%+v, %v", p, err)
	}
	for _, queues := range [][]slipway.Queue{nil, {"No Queue"}} {
		if _, err := a.AddAgentToken(ctx, queues...); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%v: %v", queues, err)
		}
	}
	file := filepath.Join(t.TempDir(), "router.token")
	for range 2 {
		if err := a.EnsureRouter(ctx, file, "r1"); err != nil {
			t.Fatal(err)
		}
	}
	token, err = auth.ReadToken(file)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := a.Authenticate(ctx, token); err != nil || p.Router != "r1" || p.CanRead() {
		t.Errorf("%+v, %v", p, err)
	}
}

// browser is a browser at a guarded page.
func browser(t *testing.T, a *auth.Auth) (*http.Client, string) {
	t.Helper()
	pages := http.NewServeMux()
	pages.Handle("/login", a.LoginHandler(slog.New(slog.DiscardHandler)))
	pages.Handle("/logout", a.LoginHandler(slog.New(slog.DiscardHandler)))
	pages.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p, err := a.Session(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("hello " + p.Actor.Name))
	})
	srv := httptest.NewUnstartedServer(nil)
	srv.Config.Handler = auth.Browser("http://"+srv.Listener.Addr().String(), pages)
	srv.Start()
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, srv.URL
}

// answer is what came back, without its body.
type answer struct {
	code    int
	header  http.Header
	cookies []*http.Cookie
}

func send(t *testing.T, c *http.Client, method, address string, form url.Values, change func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return answer{res.StatusCode, res.Header, res.Cookies()}
}

func TestABrowserSignsInOnce(t *testing.T) {
	a, _ := newAuth(t)
	ctx := t.Context()
	token, err := a.AddUser(ctx, slipway.System, slipway.User{Name: "mei", Role: slipway.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	mei, err := a.Authenticate(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	login, expires, err := a.Login(ctx, mei)
	if err != nil || time.Until(expires) > auth.LoginFor {
		t.Fatal(expires, err)
	}
	if _, err := a.Authenticate(ctx, login); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("a login link is good for programs: %v", err)
	}
	c, at := browser(t, a)
	status := func(method, path string, form url.Values, want int) []*http.Cookie {
		t.Helper()
		res := send(t, c, method, at+path, form, nil)
		if res.code != want {
			t.Errorf("%s %s: %d, want %d", method, path, res.code, want)
		}
		return res.cookies
	}
	status("GET", "/", nil, 401)
	for range 2 { // a preview in a chat uses nothing up
		status("GET", "/login?token="+login, nil, 200)
	}
	status("GET", "/", nil, 401)
	cookies := status("POST", "/login", url.Values{"token": {login}}, 303)
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Domain != "" {
		t.Errorf("cookies %v", cookies)
	}
	if _, err := a.Authenticate(ctx, cookies[0].Value); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("a browser's session is good for programs: %v", err)
	}
	status("GET", "/", nil, 200)
	status("POST", "/login", url.Values{"token": {login}}, 401) // used
	status("POST", "/login", url.Values{"token": {token}}, 401) // not a login link
	status("POST", "/logout", nil, 303)
	status("GET", "/", nil, 401)
	// The cookie is gone from the store, not only from the browser.
	res := send(t, &http.Client{}, "GET", at+"/", nil, func(r *http.Request) { r.AddCookie(cookies[0]) })
	if res.code != 401 {
		t.Errorf("an ended session: %d", res.code)
	}
	if _, _, err := a.Login(ctx, slipway.Principal{Job: &slipway.JobGrant{}}); slipway.CodeOf(err) != slipway.Forbidden {
		t.Errorf("a job logs in: %v", err)
	}
}

func TestPagesAnswerOneHostAndTheirOwnPagesOnly(t *testing.T) {
	a, _ := newAuth(t)
	c, at := browser(t, a)
	for _, tt := range []struct {
		name, method string
		change       func(*http.Request)
		want         int
	}{
		{"our own", "POST", func(r *http.Request) { r.Header.Set("Origin", at) }, 401},
		{"another origin", "POST", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		{"another site", "POST", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"another name", "GET", func(r *http.Request) { r.Host = "evil.example" }, 302},
		{"another name", "POST", func(r *http.Request) { r.Host = "evil.example" }, 421},
	} {
		res := send(t, c, tt.method, at+"/x", nil, tt.change)
		if res.code != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.name, res.code, tt.want)
		}
		if l := res.header.Get("Location"); tt.want == 302 && l != at+"/x" {
			t.Errorf("sent to %q", l)
		}
		csp := res.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || res.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", tt.name, res.header)
		}
	}
}

// Behind a proxy that ends TLS the server itself speaks plain HTTP.
func TestPagesByHTTPSHaveASecureCookieOfTheirOwnHost(t *testing.T) {
	a, _ := newAuth(t)
	a.Secure = true
	login, _, err := a.Login(t.Context(), slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}, Role: slipway.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	pages := auth.Browser("https://ci.example.com", a.LoginHandler(slog.New(slog.DiscardHandler)))
	ask := func(method, host string, form url.Values) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), method, "/login", strings.NewReader(form.Encode()))
		r.Host = host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://ci.example.com")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w.Result()
	}
	res := ask("GET", "127.0.0.1:7070", nil)
	_ = res.Body.Close()
	if l := res.Header.Get("Location"); l != "https://ci.example.com/login" {
		t.Errorf("sent to %q", l)
	}
	res = ask("POST", "ci.example.com", url.Values{"token": {login}})
	_ = res.Body.Close()
	if res.StatusCode != 303 || len(res.Cookies()) != 1 {
		t.Fatalf("%s, cookies %v", res.Status, res.Cookies())
	}
	c := res.Cookies()[0]
	if c.Name != "__Host-slipway_session" || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("cookie %v", c)
	}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "slipway_session", Value: c.Value})
	if _, err := a.Session(r); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("another's cookie signs in: %v", err)
	}
	r.AddCookie(c)
	if p, err := a.Session(r); err != nil || p.Actor.Name != "mei" {
		t.Errorf("%+v, %v", p, err)
	}
}

// The token of a login link is in the address of its page.
func TestALoginLinkGoesNowhereElse(t *testing.T) {
	a, _ := newAuth(t)
	c, at := browser(t, a)
	login := auth.New("sll_")
	res := send(t, c, "GET", at+"/login?token="+login, nil, nil)
	if got := res.header.Get("Referrer-Policy"); got != "strict-origin" { // no-referrer would hide the form's origin, too
		t.Errorf("Referrer-Policy: %q", got)
	}
	if got := res.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
	if res := send(t, c, "GET", at+"/", nil, nil); res.header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("other pages: %q", res.header.Get("Referrer-Policy"))
	}
	// A token that is none is not shown, whatever it is.
	r, _ := http.NewRequestWithContext(t.Context(), "GET", at+"/login?token="+url.QueryEscape(`"><script>alert(1)</script>`), nil)
	page, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = page.Body.Close() }()
	text, err := io.ReadAll(page.Body)
	if err != nil || strings.Contains(string(text), "script>") || page.StatusCode != 401 {
		t.Errorf("%s %s %v", page.Status, text, err)
	}
}

func TestALoginLinkLivesTenMinutes(t *testing.T) {
	a, s := newAuth(t)
	ada := slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "ada"}, Role: slipway.Viewer}
	before := time.Now()
	_, expires, err := a.Login(t.Context(), ada)
	if err != nil || expires.Before(before.Add(auth.LoginFor)) || expires.After(time.Now().Add(10*time.Minute)) {
		t.Errorf("until %s, %v", expires, err)
	}
	late := auth.New("sll_")
	if err := s.AddToken(t.Context(), slipway.Token{Hash: auth.Hash(late), Principal: ada, ExpiresAt: before.Add(-time.Second), Kind: "login"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Begin(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", "/login", nil), late); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("a link that is too old: %v", err)
	}
}

func TestWhileEndsWhenTheTokenDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		revoked := errors.New("revoked")
		var asked int
		ctx, stop := auth.While(t.Context(), time.Second, func(context.Context) error {
			if asked++; asked == 3 {
				return revoked
			}
			return nil
		})
		defer stop()
		begun := time.Now()
		<-ctx.Done()
		if time.Since(begun) != 3*time.Second || !errors.Is(context.Cause(ctx), revoked) {
			t.Errorf("ended after %s by %v", time.Since(begun), context.Cause(ctx))
		}
	})
}

// Servers that start together on an empty data directory end with one token that
// all of them know.
func TestServersThatStartTogether(t *testing.T) {
	for range 20 {
		a, s := newAuth(t)
		dir := t.TempDir()
		admin, agent := filepath.Join(dir, "admin.token"), filepath.Join(dir, "agent.token")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				server := auth.NewAuth(s)
				if err := server.EnsureAdmin(t.Context(), admin, "me"); err != nil {
					t.Error(err)
				}
				if err := server.EnsureAgent(t.Context(), agent, "test"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, file := range []string{admin, agent} {
			token, err := auth.ReadToken(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Authenticate(t.Context(), token); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
		}
	}
}
