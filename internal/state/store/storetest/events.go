package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

func events(t *testing.T, s *store.Store) {
	var heard []slipway.Event
	s.OnEvents = func(e []slipway.Event) { heard = append(heard, e...) }
	ok(t, s.AppendEvents(t.Context()))
	full := Filled[slipway.Event]()
	full.Build, full.Deployment, full.Target = "thoughts/1", 7, prod
	ok(t, s.AppendEvents(t.Context(), full, slipway.Event{Kind: slipway.ServerStarted}, slipway.Event{At: born, Build: "thoughts/2"}))
	all := value(s.Events(t.Context(), 0, slipway.EventFilter{}, 0))(t)
	if len(all) != 3 || time.Since(all[1].At) > time.Minute {
		t.Fatalf("events %+v", all)
	}
	full.Seq = 1
	same(t, "event", full, all[0])
	same(t, "what was heard", all, heard)
	for _, c := range []struct {
		after  int64
		filter slipway.EventFilter
		limit  int
		want   []int64
	}{
		{0, slipway.EventFilter{}, 2, []int64{1, 2}},
		{1, slipway.EventFilter{}, 0, []int64{2, 3}},
		{3, slipway.EventFilter{}, 0, nil},
		{0, slipway.EventFilter{Build: "thoughts/2"}, 0, []int64{3}},
		{0, slipway.EventFilter{Deployment: 7}, 0, []int64{1}},
		{0, slipway.EventFilter{Target: prod}, 0, []int64{1}},
		{0, slipway.EventFilter{Target: prod, Build: "thoughts/2"}, 0, nil},
	} {
		var got []int64
		for _, e := range value(s.Events(t.Context(), c.after, c.filter, c.limit))(t) {
			got = append(got, e.Seq)
		}
		same(t, fmt.Sprintf("events after %d of %+v", c.after, c.filter), c.want, got)
	}
	if n := value(s.LastEvent(t.Context()))(t); n != 3 {
		t.Errorf("the last event is %d", n)
	}
	for _, c := range []struct {
		filter slipway.EventFilter
		n      int
		want   int64
	}{
		{slipway.EventFilter{}, 0, 3},
		{slipway.EventFilter{}, 2, 1},
		{slipway.EventFilter{}, 3, 0},
		{slipway.EventFilter{Target: prod}, 0, 1},
		{slipway.EventFilter{Target: prod}, 1, 0},
		{slipway.EventFilter{Build: "nobody/1"}, 0, 0},
	} {
		if got := value(s.EventBefore(t.Context(), c.filter, c.n))(t); got != c.want {
			t.Errorf("before the newest %d of %+v there is event %d, want %d", c.n, c.filter, got, c.want)
		}
	}
}

// Who has read up to number n must never find a lower one later.
func eventOrder(t *testing.T, s *store.Store) {
	const writers, each = 6, 25
	reading, stop := context.WithCancel(t.Context())
	var reader, wg sync.WaitGroup
	var last int64
	reader.Go(func() {
		for reading.Err() == nil {
			got, err := s.Events(t.Context(), last, slipway.EventFilter{}, 0)
			if err != nil {
				t.Error(err)
			}
			for _, e := range got {
				if e.Seq != last+1 {
					t.Errorf("event %d after %d: one was not there yet", e.Seq, last)
				}
				last = e.Seq
			}
			if last == 2*writers*each {
				return
			}
		}
	})
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				text := fmt.Sprintf("%d/%d", i, n)
				if err := s.AppendEvents(t.Context(), slipway.Event{Text: text}, slipway.Event{Text: text}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	time.AfterFunc(5*time.Second, stop)
	reader.Wait()
	stop()
	if last != 2*writers*each {
		t.Errorf("read up to %d of %d", last, 2*writers*each)
	}
}

func clock(t *testing.T, s *store.Store) {
	before := value(s.Now(t.Context()))(t)
	after := value(s.Now(t.Context()))(t)
	if after.Before(before) || time.Since(before).Abs() > time.Minute || before.Location() != time.UTC {
		t.Errorf("the clock says %s, then %s", before, after)
	}
	if s.Epoch() != 1 {
		t.Errorf("a new database has epoch %d", s.Epoch())
	}
}

func canceled(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fails(t, slipway.Unavailable, s.AppendEvents(ctx, slipway.Event{}))
	_, err := s.Events(ctx, 0, slipway.EventFilter{}, 0)
	fails(t, slipway.Unavailable, err)
	ok(t, s.AppendEvents(t.Context(), slipway.Event{})) // the connection is fit for the next
}
