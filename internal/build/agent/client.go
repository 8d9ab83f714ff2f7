package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/buildkite/agent/v3/api"
	"github.com/buildkite/agent/v3/logger"
)

const (
	callTimeout = 10 * time.Second
	firstWait   = 100 * time.Millisecond // between tries
	lastWait    = 2 * time.Second
)

// client speaks the agent protocol with one token. Wherever the server says
// that its endpoint is, tokens go only to those that were configured.
func (a *Agent) client(token string) *api.Client {
	return api.NewClient(logger.Discard, api.Config{
		Endpoint:   endpoint(a.servers.first),
		UserAgent:  "slipway-agent/" + a.Version,
		HTTPClient: &http.Client{Transport: authorized{a, token}, CheckRedirect: noRedirect},
	})
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// authorized sends each request to the server that answers, with the token, and
// notes when that was heard.
type authorized struct {
	*Agent
	token string
}

func (t authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, server := time.Now(), t.servers.now()
	r = r.Clone(r.Context())
	t.servers.direct(r, server)
	r.Header.Set("Authorization", "Token "+t.token)
	resp, err := t.http.RoundTrip(r)
	if err == nil && resp.StatusCode/100 == 2 {
		t.pulse.beat(sent)
	}
	if unanswered(resp, err) && !errors.Is(r.Context().Err(), context.Canceled) {
		if next, left := t.servers.leave(server); left {
			t.Logger.WarnContext(r.Context(), "a server does not answer", "server", server, "next", next, "err", err)
		}
	}
	return resp, err
}

// pulse is when the server was last heard. What counts is when the request was
// sent: the server extended the lease no earlier.
type pulse struct {
	mu   sync.Mutex
	last time.Time
}

func (p *pulse) beat(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent.After(p.last) {
		p.last = sent
	}
}

// silent is for how long the server was not heard. A machine that slept stops
// the monotonic clock, while the lease ran out: so the wall clock counts too.
func (p *pulse) silent(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(now.Sub(p.last), now.Round(0).Sub(p.last.Round(0)))
}

// call tries until it succeeds, the server refuses, or ctx is over.
func (a *Agent) call(ctx context.Context, what string, f func(context.Context) error) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		within, cancel := context.WithTimeout(ctx, callTimeout)
		err := f(within)
		cancel()
		switch {
		case err == nil || final(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		a.Logger.DebugContext(ctx, "trying again", "call", what, "err", err)
		pause(ctx, wait)
	}
}

// final reports whether the server has answered, and will answer the same again.
func final(err error) bool {
	e, ok := errors.AsType[*api.ErrorResponse](err)
	if !ok {
		return false
	}
	switch c := e.Response.StatusCode; c {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return c < 500
	}
}

func unknown(err error) error {
	if final(err) {
		return errUnknown
	}
	return err
}

// pause waits about d, or until ctx is over.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d - d/8 + rand.N(d/4+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
