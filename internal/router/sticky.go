package router

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/slipway-cd/slipway"
)

// A sticky route keeps a browser with the group that it was first sent to, by a
// cookie, for as long as the group has weight: the assets of two versions do not
// mix. Cookies do not know ports, so each target's has a name of its own.
//
// What the cookie says follows from the group, and from the route that it was drawn
// by: all routers of a target understand it, and it tells a browser nothing but
// whether two visits met one group. Where versions are compared, those browsers
// count that were drawn by the weights in effect: who came before is no random part
// of all.

// stickyPrefix begins the names of these cookies.
const stickyPrefix = "slipway_group_"

func stickyName(t slipway.TargetID) string {
	sum := sha256.Sum256([]byte(t.String()))
	return stickyPrefix + hex.EncodeToString(sum[:4])
}

func stickyValue(t slipway.TargetID, g slipway.GroupID) string {
	sum := sha256.Sum256([]byte("group\x00" + t.String() + "\x00" + string(g)))
	return hex.EncodeToString(sum[:12])
}

// stickyDraw says which route drew.
func stickyDraw(t slipway.TargetID, f slipway.Fence) string {
	sum := sha256.Sum256([]byte("draw\x00" + t.String() + "\x00" + f.String()))
	return hex.EncodeToString(sum[:6])
}

// visit draws a group for a request, the one that its browser was sent to before
// where that has weight. It returns the cookie to set, nil when there is none, and
// whether the group was drawn by the weights of r, for this request or for one of
// the browser's before.
func (r *route) visit(in *http.Request) (g *group, set *http.Cookie, drawn bool) {
	s := r.split()
	if !r.Sticky {
		return s.draw(), nil, true
	}
	for _, c := range in.CookiesNamed(r.cookie) {
		of, by, _ := strings.Cut(c.Value, ".")
		for i := range s.groups {
			if s.groups[i].cookie == of {
				return &s.groups[i], nil, by == r.drawn
			}
		}
	}
	if g = s.draw(); g == nil {
		return nil, nil, false
	}
	return g, &http.Cookie{
		Name: r.cookie, Value: g.cookie + "." + r.drawn, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: in.TLS != nil,
	}, true
}

// hideVisit takes the cookie out of what the instance is told: it is between the
// router and the browser.
func (r *route) hideVisit(h http.Header) {
	if !r.Sticky {
		return
	}
	dropCookies(h, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.TrimSpace(name) == r.cookie
	})
}
