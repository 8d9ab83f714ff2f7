package outbound

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/slipway-cd/slipway"
)

const dialTimeout = 5 * time.Second

// DialContext connects to an address within reach. It returns Forbidden, wrapped,
// for others.
func (r Reach) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return slipway.Errorf(slipway.Forbidden, "%s is no address of the internet", address)
		}
		return r.Check(at.Addr())
	}}
	return d.DialContext(ctx, network, address)
}

// Client asks over HTTP. It goes through no proxy, which would connect in its
// stead, and follows nobody elsewhere: an answer that sends it on is the answer.
func (r Reach) Client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: r.DialContext, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
			MaxIdleConns: 16, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
