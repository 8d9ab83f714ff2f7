package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
	"github.com/slipway-cd/slipway/internal/state/wake"
)

var _ wake.Line = (*store.Line)(nil)

// joined is the hub of a server on the database, until the test ends.
func joined(t *testing.T, url string) *wake.Hub {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	h := wake.New()
	first, stop := h.Listen("the first")
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := h.Join(ctx, s.Line(slog.New(slog.NewTextHandler(t.Output(), nil)))); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait(); _ = s.Close() })
	soon(t, first, "it listens")
	return h
}

func soon(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		t.Fatalf("no hint: %s", what)
	}
}

func listen(t *testing.T, h *wake.Hub, topic string) <-chan struct{} {
	c, stop := h.Listen(topic)
	t.Cleanup(stop)
	return c
}

func TestSQLiteHasNoLine(t *testing.T) {
	if storetest.Open(t).Line(slog.New(slog.DiscardHandler)) != nil {
		t.Error("a file of one process has a line to others")
	}
}

func TestHintsReachOtherServers(t *testing.T) {
	url := storetest.Postgres(t)
	a, b, c := joined(t, url), joined(t, url), joined(t, url)
	elsewhere := listen(t, joined(t, storetest.Postgres(t)), "jobs")
	atA, atB, atC := listen(t, a, wake.Peers("jobs")), listen(t, b, "jobs"), listen(t, c, wake.Peers("jobs"))
	time.Sleep(50 * time.Millisecond) // those who listened when it began have been woken
	drain(atA, atB, atC, elsewhere)
	var took []time.Duration
	for range 100 {
		time.Sleep(15 * time.Millisecond) // what comes sooner waits to be said together
		began := time.Now()
		a.Wake("jobs")
		soon(t, atB, "b")
		took = append(took, time.Since(began))
		soon(t, atC, "c")
	}
	slices.Sort(took)
	t.Logf("a hint takes %s (p50), %s (p95)", took[50], took[95])
	if took[50] > 100*time.Millisecond {
		t.Errorf("half of the hints take %s and more", took[50])
	}
	select {
	case <-atA:
		t.Error("hints came back to who gave them")
	case <-elsewhere:
		t.Error("another installation in the same database heard them")
	case <-time.After(50 * time.Millisecond):
	}
}

func drain(all ...<-chan struct{}) {
	for _, c := range all {
		select {
		case <-c:
		default:
		}
	}
}

// TestHintsAfterALostConnection: nobody knows what was said meanwhile, so all
// look; and what could not be said is said.
func TestHintsAfterALostConnection(t *testing.T) {
	url := storetest.Postgres(t)
	a, b := joined(t, url), joined(t, url)
	topic := listen(t, b, "build/app/1")
	quiet := listen(t, b, "nobody speaks of this")
	time.Sleep(50 * time.Millisecond)
	drain(topic, quiet)
	for range 3 {
		cut(t, url)
		a.Wake("build/app/1")
		soon(t, topic, "what was said when the connection was lost")
		soon(t, quiet, "there was a gap")
		drain(topic)
	}
	began := time.Now()
	a.Wake("build/app/1")
	soon(t, topic, "what is said afterwards")
	t.Logf("afterwards a hint takes %s", time.Since(began))
}

// cut ends every connection to the database of a test, and waits until all are
// gone.
func cut(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}

// TestAFloodOfHints: thousands of topics become few notifications, and who waits
// for one of them is woken.
func TestAFloodOfHints(t *testing.T) {
	url := storetest.Postgres(t)
	a, b := joined(t, url), joined(t, url)
	const topics = 5000
	last := listen(t, b, fmt.Sprintf("log/%d", topics-1))
	few := listen(t, b, "log/few")
	time.Sleep(50 * time.Millisecond)
	drain(last, few)
	began := time.Now()
	for i := range topics {
		a.Wake(fmt.Sprintf("log/%d", i))
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("waking %d topics took %s", topics, took)
	}
	soon(t, last, "the last of many")
	t.Logf("the last of %d is heard after %s", topics, time.Since(began))
	for i := range 400 { // as many as are said one by one, in several notifications
		a.Wake(fmt.Sprintf("log/%0100d", i))
	}
	a.Wake("log/few")
	soon(t, few, "one among some")
}
