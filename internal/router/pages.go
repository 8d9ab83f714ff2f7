package router

import (
	"net"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// forPages reports whether host, with or without a port, is where the pages
// are. A service that answered to it would share their origin's cookies.
func forPages(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), slipway.PagesHost)
}

// keepSession takes the cookie that signs a browser in to the pages out of a
// request: where pages and services have one host, it comes to both.
func keepSession(h http.Header) {
	if slices.ContainsFunc(h["Cookie"], func(line string) bool { return strings.Contains(line, slipway.SessionCookie) }) {
		dropCookies(h, isSession)
	}
}

// dropCookies takes cookies out of a request.
func dropCookies(h http.Header, drop func(pair string) bool) {
	lines := h["Cookie"]
	for i, line := range lines {
		var others []string
		for pair := range strings.SplitSeq(line, ";") {
			if !drop(pair) {
				others = append(others, textproto.TrimString(pair))
			}
		}
		lines[i] = strings.Join(others, "; ")
	}
	if strings.Join(lines, "") == "" {
		h.Del("Cookie")
	}
}

// refuseSession takes what would sign a browser in to the pages out of a
// service's answer.
func refuseSession(h http.Header) {
	var others []string
	for _, set := range h["Set-Cookie"] {
		if !isSession(set) {
			others = append(others, set)
		}
	}
	if len(others) < len(h["Set-Cookie"]) {
		h["Set-Cookie"] = others
	}
}

// isSession reports whether a cookie, NAME=VALUE and what follows it, is the
// pages'.
func isSession(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	return strings.TrimPrefix(textproto.TrimString(name), "__Host-") == slipway.SessionCookie
}
