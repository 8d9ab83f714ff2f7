package agent

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway"
)

// servers are those of one installation: any of them knows this agent and its
// job. One is spoken to until it does not answer; then it is the next one's turn.
type servers struct {
	first *url.URL        // that requests are made for, before they are directed
	find  func() []string // tells which there are now; nil: always the same

	mu  sync.Mutex
	all []*url.URL
	at  int
}

// newServers reads the addresses of servers. Its error is Invalid.
func newServers(addresses []string, find func() []string) (*servers, error) {
	all, err := parseServers(addresses)
	if err != nil {
		return nil, err
	}
	return &servers{first: all[0], find: find, all: all}, nil
}

func parseServers(addresses []string) (all []*url.URL, err error) {
	for _, a := range addresses {
		u, err := url.Parse(strings.TrimRight(a, "/"))
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, slipway.Errorf(slipway.Invalid, "%q is not the URL of a server", a)
		}
		all = append(all, u)
	}
	if len(all) == 0 {
		return nil, slipway.Errorf(slipway.Invalid, "no server is named")
	}
	return all, nil
}

// now is the one that is spoken to.
func (s *servers) now() *url.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[s.at]
}

// leave goes on with the next one, unless somebody has left this one already.
func (s *servers) leave(silent *url.URL) (next *url.URL, left bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.all[s.at] != *silent {
		return s.all[s.at], false
	}
	if s.find != nil {
		if now, err := parseServers(s.find()); err == nil {
			s.at = slices.IndexFunc(now, func(u *url.URL) bool { return *u == *silent })
			s.all = now
		}
	}
	s.at = (s.at + 1) % len(s.all)
	return s.all[s.at], *s.all[s.at] != *silent
}

// has reports whether u is on one of the servers.
func (s *servers) has(u *url.URL) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.all {
		if u.Scheme == known.Scheme && u.Host == known.Host {
			return true
		}
	}
	return false
}

// others are the addresses that the one spoken to stands in for.
func (s *servers) others() (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range s.all {
		if i != s.at {
			out = append(out, u.String())
		}
	}
	return out
}

// direct makes r, which was made for the first server, a request to u.
func (s *servers) direct(r *http.Request, u *url.URL) {
	to := *r.URL
	to.Scheme, to.Host, to.Path = u.Scheme, u.Host, u.Path+strings.TrimPrefix(to.Path, s.first.Path)
	r.URL, r.Host = &to, u.Host
}

// unanswered reports whether a server, or what stands before it, could not
// answer.
func unanswered(resp *http.Response, err error) bool {
	if err != nil {
		return true
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
