package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
)

// EventFilter chooses events; zero fields choose all.
type EventFilter struct {
	Build       string // slug: thoughts-backend/12
	Deployment  int64
	Service     string // with Environment
	Environment string
}

// Events yields the events after sequence number after, oldest first; an after
// below zero starts that many events before the newest. Without follow it ends
// at the newest. With follow it waits for more, until ctx is done or the
// connection breaks: it then yields an error, and the caller begins again after
// the last event it saw.
func (c *Client) Events(ctx context.Context, after int64, follow bool, f EventFilter) iter.Seq2[Event, error] {
	q := query("build", f.Build, "deployment", f.Deployment, "service", f.Service, "environment", f.Environment)
	if follow {
		q.Set("follow", "true")
		return c.follow(ctx, after, q)
	}
	return c.pages(ctx, after, q)
}

// pages asks for one page after the other until there are no more.
func (c *Client) pages(ctx context.Context, after int64, q url.Values) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			q.Set("after", strconv.FormatInt(after, 10))
			page, err := call[EventPage](ctx, c, "GET", path("events"), q, nil)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range page.Items {
				if !yield(e, nil) {
					return
				}
			}
			if !page.More {
				return
			}
			after = page.Next
		}
	}
}

// follow reads one stream of server-sent events.
func (c *Client) follow(ctx context.Context, after int64, q url.Values) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		q.Set("after", strconv.FormatInt(after, 10))
		body, err := c.stream(ctx, path("events"), q, "text/event-stream")
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer func() { _ = body.Close() }()
		for data, err := range sent(body) {
			var e Event
			if err == nil {
				err = json.Unmarshal(data, &e)
			}
			if err != nil {
				yield(Event{}, unreached(ctx, c.URL(), err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// sent yields the data of each server-sent event. The end of the stream is an
// error: only the caller ends it.
func sent(r io.Reader) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, 4096), 1<<20)
		for lines.Scan() {
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			if ok && !yield(data, nil) {
				return
			}
		}
		err := lines.Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("an event is over 1 MiB")
		}
		yield(nil, err)
	}
}
