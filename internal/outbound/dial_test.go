package outbound_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/outbound"
)

// server counts who comes.
func server(t *testing.T, h http.HandlerFunc) (url string, came *int) {
	came = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { *came++; h(w, r) }))
	t.Cleanup(s.Close)
	return s.URL, came
}

func get(t *testing.T, reach, url string) (status int, err error) {
	t.Helper()
	r, err := outbound.Parse(reach)
	if err != nil {
		t.Fatal(err)
	}
	c := r.Client()
	t.Cleanup(c.CloseIdleConnections)
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(ask)
	if err != nil {
		return 0, err
	}
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// A name leads where its address leads, and not where it says.
func TestDial(t *testing.T) {
	url, came := server(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"} {
		if status, err := get(t, "private", "http://"+host+":"+port); err == nil {
			t.Errorf("%s answers %d", host, status)
		}
	}
	if _, err := get(t, "none", url); slipway.CodeOf(err) != slipway.Forbidden {
		t.Errorf("%v, %s", err, slipway.CodeOf(err))
	}
	if *came != 0 {
		t.Errorf("it was asked %d times", *came)
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := get(t, "loopback", "http://"+host+":"+port); err != nil {
			t.Error(err)
		}
	}
}

func TestNobodyIsFollowedElsewhere(t *testing.T) {
	inside, came := server(t, func(http.ResponseWriter, *http.Request) {})
	url, _ := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside, http.StatusFound) })
	status, err := get(t, "loopback", url)
	if err != nil || status != http.StatusFound || *came != 0 {
		t.Errorf("%d, %v; asked %d times", status, err, *came)
	}
}

func TestNoProxy(t *testing.T) {
	proxy, came := server(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	if _, err := get(t, "loopback", "http://slipway.invalid/"); err == nil || *came != 0 {
		t.Errorf("%v; asked %d times", err, *came)
	}
}
