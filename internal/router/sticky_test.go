package router_test

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// sticky applies a route that keeps browsers with their group.
func (w *world) sticky(shares ...slipway.Share) {
	w.Helper()
	w.fence++
	f := slipway.Fence{Epoch: 1, Generation: w.fence}
	err := w.control.Apply(w.Context(), slipway.Route{Target: target, Fence: f, Port: w.port, Drain: time.Second, Sticky: true, Shares: shares})
	if err != nil {
		w.Fatal(err)
	}
	w.acknowledged(f)
}

func TestABrowserStaysWithItsGroup(t *testing.T) {
	w := newWorld(t)
	var leaked atomic.Bool
	named := func(name string) *instance {
		return w.start(func(rw http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.Header.Get("Cookie"), "slipway") || r.Header.Get("Cookie") != "" && r.Header.Get("Cookie") != "own=1" {
				leaked.Store(true)
			}
			http.SetCookie(rw, &http.Cookie{Name: "own", Value: "1"})
			_, _ = rw.Write([]byte(name))
		})
	}
	share := func(g slipway.GroupID, weight slipway.BasisPoints, i *instance) slipway.Share {
		return slipway.Share{Group: g, Weight: weight, Endpoints: endpoints(i)}
	}
	old, young := named("old"), named("young")
	w.sticky(share("g1", 7000, old), share("g2", 3000, young))

	const browsers = 600
	first := make([]string, browsers)
	jars := make([]http.CookieJar, browsers)
	visit := func(n int) (string, http.Header) {
		t.Helper()
		c := &http.Client{Jar: jars[n], Transport: http.DefaultTransport}
		res, err := c.Get(w.url() + "/a/page?n=1")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text := make([]byte, 10)
		size, _ := res.Body.Read(text)
		return string(text[:size]), res.Header
	}
	count := map[string]int{}
	for n := range browsers {
		jars[n], _ = cookiejar.New(nil)
		var head http.Header
		first[n], head = visit(n)
		count[first[n]]++
		for _, c := range (&http.Response{Header: head}).Cookies() {
			if c.Name != "own" && (!strings.HasPrefix(c.Name, "slipway_group_") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
				c.Domain != "" || c.Path != "/" || c.Secure || strings.Contains(c.Value, "g1") || strings.Contains(c.Value, "g2")) {
				t.Fatalf("%+v", c)
			}
		}
	}
	if n := count["young"]; n < 120 || n > 240 { // five standard deviations
		t.Errorf("new visitors: %v of %d", count, browsers)
	}
	for n := range 100 {
		for range 3 {
			if got, head := visit(n); got != first[n] || strings.Contains(strings.Join(head["Set-Cookie"], ""), "slipway") {
				t.Fatalf("browser %d was with %s and is with %s now, told %q", n, first[n], got, head["Set-Cookie"])
			}
		}
	}
	w.sticky(share("g1", 10000, old), share("g2", 0, young))
	for n := range 100 {
		if got, _ := visit(n); got != "old" {
			t.Fatal("a browser stays with a group that has no weight")
		}
	}
	if leaked.Load() {
		t.Error("an instance was told of the cookie, or lost its own")
	}
}
