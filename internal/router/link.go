package router

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

// link is the router's line to one server.
type link struct {
	server, token string
	router        slipway.RouterID
	http          *http.Client
	heard         func()        // called when the server has answered
	due           chan struct{} // there is something to report
	peers         []string      // servers that it named last; its puller's alone
	told          told          // of what is counted; its reporter's alone
	broken        atomic.Bool   // a call failed: there may be another server by now, that was told nothing
}

func newLink(server string, c Config, heard func()) *link {
	return &link{
		server: strings.TrimSuffix(server, "/"), token: c.Token, router: c.ID, heard: heard, due: make(chan struct{}, 1),
		http: &http.Client{Transport: &http.Transport{MaxIdleConns: 4, IdleConnTimeout: time.Minute}},
	}
}

// table asks for a newer table than the one that is held, or one with other
// listeners or servers, and waits up to hold for it. It returns nil when there is
// none.
func (l *link) table(ctx context.Context, held *table, hold time.Duration) (*wire.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, hold+5*time.Second)
	defer cancel()
	q := url.Values{
		"router":    {string(l.router)},
		"epoch":     {strconv.FormatUint(held.epoch, 10)},
		"version":   {strconv.FormatUint(held.version, 10)},
		"listeners": {wire.Digest(held.listeners)},
		"servers":   {wire.Digest(l.peers)},
		"hold":      {strconv.FormatInt(hold.Milliseconds(), 10)},
	}
	body, err := l.call(ctx, http.MethodGet, wire.TablePath+"?"+q.Encode(), nil)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	t := new(wire.Table)
	if err := json.Unmarshal(body, t); err != nil {
		return nil, fmt.Errorf("the server's table cannot be read: %w", err)
	}
	l.peers = t.Servers
	return t, nil
}

func (l *link) report(ctx context.Context, s wire.Status) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = l.call(ctx, http.MethodPost, wire.StatusPath, text)
	return err
}

func (l *link) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, l.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	res, err := l.http.Do(req)
	if err != nil {
		l.broken.Store(true)
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, wire.MaxTable+1))
	if err != nil {
		l.broken.Store(true)
		return nil, err
	}
	if len(text) > wire.MaxTable {
		return nil, fmt.Errorf("the server's answer is over %d MiB", wire.MaxTable>>20)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s: %s", method, strings.SplitN(path, "?", 2)[0], res.Status, text[:min(len(text), 500)])
	}
	l.heard()
	return text, nil
}

// outage counts how long the server has not been heard.
type outage struct{ since time.Time }

// pause waits before the next attempt: a tenth of the outage so far, so that a
// server that restarts is seen again at once and one that is gone is not
// hammered. It is at least 50 ms, at most 1 s, and never the same twice.
func (o *outage) pause(ctx context.Context) {
	now := time.Now()
	if o.since.IsZero() {
		o.since = now
	}
	wait := min(max(now.Sub(o.since)/10, 50*time.Millisecond), time.Second)
	wait = wait*3/4 + rand.N(wait/2)
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

func (o *outage) over() { o.since = time.Time{} }

// lasts is how long it has been going on.
func (o *outage) lasts() time.Duration {
	if o.since.IsZero() {
		return 0
	}
	return time.Since(o.since)
}

// checkServer refuses what is no URL of a server.
func checkServer(server string) error {
	if u, err := url.Parse(server); err != nil || u.Scheme == "" || u.Host == "" {
		return slipway.Errorf(slipway.Invalid, "%q is not the URL of a server; write http://HOST:PORT", server)
	}
	return nil
}
