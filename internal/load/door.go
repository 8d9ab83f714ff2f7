package load

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Door is how a service is reached. The zero Door is HTTP/1.1 at the host of the
// address that is asked.
type Door struct {
	At    string      // HOST:PORT that is connected to; "": the address's own
	TLS   *tls.Config // nil: none, whatever the address says; its ServerName is the address's host where it has none
	HTTP2 bool        // over TLS as agreed there, without it by prior knowledge
}

// Get asks an address. It keeps connections, up to 64; over HTTP/2, up to 4.
func (d Door) Get(address string) Visitor { return getter{d.asker(address)} }

// Post sends bodies of so many bytes. The service must answer with the same
// body, and with its checksum in [SumHeader].
func (d Door) Post(address string, size int) Visitor { return poster{d.asker(address), size} }

// Stream asks for answers of so many bytes, that come slowly.
func (d Door) Stream(address string, bytes int64) Visitor {
	return streamer{d.asker(address), bytes}
}

// WebSocket opens a conversation at ws://…, says something every so often and
// wants to hear it again, for so long. A conversation that the other side ends
// with a close frame is over, not lost; one that breaks off is. It is of
// HTTP/1.1, whatever else is spoken.
func (d Door) WebSocket(address string, length, every time.Duration) Visitor {
	d.HTTP2 = false
	return talker{d.of(address), length, every}
}

// asker asks one address.
type asker interface {
	ask(method string, body []byte, r Request) (answer, error)
}

func (d Door) asker(address string) asker {
	if d.HTTP2 {
		return newMultiplexer(d.of(address))
	}
	return &client{way: d.of(address), idle: make(chan *kept, mostIdle)}
}

// way is a door and what is asked there.
type way struct {
	Door
	url *url.URL
}

func (d Door) of(address string) way {
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{} // it cannot be connected to: every visit says so
	}
	if d.At == "" {
		d.At = u.Host
	}
	u.Scheme = "http"
	if d.TLS != nil {
		u.Scheme = "https"
		if d.TLS = d.TLS.Clone(); d.TLS.ServerName == "" {
			d.TLS.ServerName = u.Hostname()
		}
	}
	return way{d, u}
}

// connect makes a connection, within a time: the load does not end in the middle
// of a request.
func (w way) connect(within time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if w.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", w.At)
	}
	return (&tls.Dialer{Config: w.TLS}).DialContext(ctx, "tcp", w.At)
}

// transport is net/http's, for what it never asks twice.
func (w way) transport() *http.Transport {
	p := new(http.Protocols)
	switch {
	case !w.HTTP2:
		p.SetHTTP1(true)
	case w.TLS != nil:
		p.SetHTTP2(true)
	default:
		p.SetUnencryptedHTTP2(true)
	}
	return &http.Transport{
		Protocols: p, TLSClientConfig: w.TLS, DisableCompression: true, DisableKeepAlives: !w.HTTP2,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", w.At)
		},
	}
}
