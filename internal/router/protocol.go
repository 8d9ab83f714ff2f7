package router

import (
	"net/http"
	"slices"

	"github.com/slipway-cd/slipway"
)

// protocol is what e speaks.
func (r *route) protocol(e *endpoint) slipway.Protocol {
	for _, s := range r.Shares {
		if s.Protocol == slipway.H2C && slices.Contains(s.Endpoints, e.Endpoint) {
			return slipway.H2C
		}
	}
	return slipway.HTTP1
}

// streams reports whether any of the instances that shares name speak HTTP/2.
func streams(shares []slipway.Share) bool {
	return slices.ContainsFunc(shares, func(s slipway.Share) bool { return s.Protocol == slipway.H2C && len(s.Endpoints) > 0 })
}

// protocols are those that clients may speak: HTTP/2 by ALPN under TLS, and by
// prior knowledge without it.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return p
}
