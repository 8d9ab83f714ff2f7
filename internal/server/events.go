package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

const (
	eventPage = 500     // events in one answer, or one write of a stream
	mostBack  = 100_000 // events before the newest that one may begin at
)

type eventsInput struct {
	After       int64  `query:"after" doc:"Sequence number; below zero: the newest so many that pass"`
	LastEventID string `header:"Last-Event-ID" doc:"Takes the place of after when a browser reconnects"`
	Follow      bool   `query:"follow" doc:"Server-sent events, as they happen"`
	Build       string `query:"build" doc:"Slug: thoughts-backend/12"`
	Deployment  int64  `query:"deployment" minimum:"0"`
	Service     string `query:"service" doc:"With environment"`
	Environment string `query:"environment"`
}

func (s *Server) filter(ctx context.Context, in *eventsInput) (slipway.EventFilter, error) {
	f := slipway.EventFilter{
		Build: in.Build, Deployment: slipway.DeploymentID(in.Deployment),
		Target: slipway.TargetID{Service: slipway.ServiceName(in.Service), Environment: slipway.EnvironmentName(in.Environment)},
	}
	if (in.Service == "") != (in.Environment == "") {
		return f, slipway.Errorf(slipway.Invalid, "a target has a service and an environment; name both or none")
	}
	if in.Environment == "" {
		return f, nil
	}
	return f, s.known(ctx, f.Target.Environment)
}

func (s *Server) events(ctx context.Context, in *eventsInput) (answer, error) {
	f, err := s.filter(ctx, in)
	if err == nil {
		err = mayHear(from(ctx).Principal, f)
	}
	if err != nil {
		return nil, err
	}
	after := in.After
	if id, err := strconv.ParseInt(in.LastEventID, 10, 64); err == nil {
		after = id
	}
	if after < 0 {
		if after, err = s.Store.EventBefore(ctx, f, int(-max(after, -mostBack))); err != nil {
			return nil, err
		}
	}
	if in.Follow {
		return func(ctx context.Context, w *flushed) error { return s.follow(ctx, w, after, f) }, nil
	}
	events, err := s.Store.Events(ctx, after, f, eventPage)
	if err != nil {
		return nil, err
	}
	page := api.EventPage{Items: each(events, view.Event), Next: after, More: len(events) == eventPage}
	if len(events) > 0 {
		page.Next = events[len(events)-1].Seq
	}
	return func(_ context.Context, w *flushed) error {
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(page)
	}, nil
}

// follow writes events as they happen.
func (s *Server) follow(ctx context.Context, w *flushed, after int64, f slipway.EventFilter) error {
	woken, stop := s.Waker.Listen("events")
	defer stop()
	if err := w.begin("text/event-stream"); err != nil {
		return err
	}
	spoken := time.Now()
	for {
		events, err := s.Store.Events(ctx, after, f, eventPage)
		if err != nil {
			return err
		}
		for _, e := range events {
			data, err := json.Marshal(view.Event(e))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Seq, data); err != nil {
				return err
			}
			after, spoken = e.Seq, time.Now()
		}
		if len(events) == eventPage {
			continue
		}
		if time.Since(spoken) > keepAlive {
			spoken = time.Now()
			if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
				return err
			}
		}
		select {
		case <-woken:
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
