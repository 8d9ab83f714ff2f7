package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway"
)

const (
	answerWithin = 30 * time.Second // what is only looked at or ordered
	startWithin  = 10 * time.Minute // what may unpack an image first
	limitsWithin = 2 * time.Second
)

// Client asks the executor that listens at a socket. What it cannot reach is
// Unavailable: whoever keeps the executor running starts it again.
type Client struct {
	http *http.Client
}

// Connect returns a client of the executor at socket, and asks nothing yet.
func Connect(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}}
}

// Apply implements [driver.Driver].
func (c *Client) Apply(ctx context.Context, g slipway.GroupSpec) error {
	return c.ask(ctx, startWithin, applyPath, asked{Group: &g}, nil)
}

// Stop implements [driver.Driver].
func (c *Client) Stop(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	return c.ask(ctx, answerWithin, stopPath, asked{Target: t, Instance: i, Fence: f}, nil)
}

// Forget implements [driver.Driver].
func (c *Client) Forget(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, f slipway.Fence) error {
	return c.ask(ctx, answerWithin, forgetPath, asked{Target: t, Instance: i, Fence: f}, nil)
}

// List implements [driver.Driver].
func (c *Client) List(ctx context.Context) (all []slipway.GroupStatus, err error) {
	return all, c.ask(ctx, answerWithin, listPath, asked{}, &all)
}

// Observe implements [driver.Observer].
func (c *Client) Observe(ctx context.Context, t slipway.TargetID) (all []slipway.GroupStatus, err error) {
	return all, c.ask(ctx, answerWithin, observePath, asked{Target: t}, &all)
}

// Printed implements [driver.Recorder].
func (c *Client) Printed(ctx context.Context, t slipway.TargetID) (all []slipway.Output, err error) {
	return all, c.ask(ctx, answerWithin, printedPath, asked{Target: t}, &all)
}

// Logs implements [driver.Logger].
func (c *Client) Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	return c.LogsSince(ctx, t, i, time.Time{}, tail, follow)
}

// LogsSince implements [driver.Recorder].
func (c *Client) LogsSince(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, since time.Time, tail int, follow bool) (io.ReadCloser, error) {
	return c.open(ctx, logsPath, asked{Target: t, Instance: i, Since: since, Tail: tail, Follow: follow})
}

// Limits implements [driver.Limited].
func (c *Client) Limits() (all []string) {
	if err := c.ask(context.Background(), limitsWithin, limitsPath, asked{}, &all); err != nil {
		return []string{"What this host cannot promise is not known: " + slipway.MessageOf(err) + "."}
	}
	return all
}

// PruneTrees implements [Driver].
func (c *Client) PruneTrees(ctx context.Context, keep map[slipway.Digest]bool, since time.Time, dry bool) (n int, bytes int64, err error) {
	var p pruned
	err = c.ask(ctx, startWithin, prunePath, asked{Keep: keep, Since: since, Dry: dry}, &p)
	return p.Trees, p.Bytes, err
}

// ask asks for one value, and waits no longer than within.
func (c *Client) ask(ctx context.Context, within time.Duration, path string, a asked, value any) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	body, err := c.open(ctx, path, a)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if value == nil {
		_, err = io.Copy(io.Discard, body) // so that the connection is used again
	} else {
		err = json.NewDecoder(body).Decode(value)
	}
	if err != nil {
		return unreached(ctx, err)
	}
	return nil
}

// open asks and returns the answer, which is none of a refusal.
func (c *Client) open(ctx context.Context, path string, a asked) (io.ReadCloser, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://executor"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unreached(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		defer func() { _ = res.Body.Close() }()
		return nil, refused(res.Body)
	}
	return res.Body, nil
}

func unreached(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e
	}
	return slipway.Errorf(slipway.Unavailable, "the executor of this host cannot be reached: %w", err).
		Do("See whether it runs: slipway doctor")
}
