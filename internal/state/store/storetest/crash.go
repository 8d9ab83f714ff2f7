package storetest

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
)

const writerVariable = "SLIPWAY_STORETEST_WRITER"

// Main is the TestMain of whoever runs the suite: the same binary is the
// process that gets killed.
func Main(m *testing.M) {
	if url := os.Getenv(writerVariable); url != "" {
		fmt.Fprintln(os.Stderr, writeForever(context.Background(), url, os.Stdout))
		os.Exit(1)
	}
	code := m.Run()
	dropDatabase()
	os.Exit(code)
}

// writeForever commits state after state, each with one event, and says the
// number of each when it is acknowledged.
func writeForever(ctx context.Context, url string, said io.Writer) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	f, err := s.Acquire(ctx, prod, "writer-"+strconv.Itoa(os.Getpid()), time.Millisecond)
	if err != nil {
		return err
	}
	for {
		state, err := s.LoadState(ctx, prod)
		if err != nil {
			return err
		}
		state.Target.Want++
		if f, err = s.CommitState(ctx, state.Target.Owner, f, state, slipway.Event{Target: prod}); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(said, state.Target.Want); err != nil {
			return err
		}
	}
}

func killed(t *testing.T, url string) {
	s := open(t, url)
	makeTarget(t, s, prod)
	for round := range 3 {
		acknowledged := writeAndKill(t, url, 20+10*round)
		state := value(s.LoadState(t.Context(), prod))(t)
		if n := state.Target.Want; n < acknowledged || n > acknowledged+1 {
			t.Errorf("%d commits are there, %d were acknowledged", n, acknowledged)
		}
		if n := value(s.LastEvent(t.Context()))(t); n != int64(state.Target.Want) {
			t.Errorf("%d events of %d commits", n, state.Target.Want)
		}
		again := open(t, url) // what the killed process left is mended for others, too
		same(t, "state", state, value(again.LoadState(t.Context(), prod))(t))
		time.Sleep(2 * time.Millisecond) // the lease of the killed process
	}
}

// writeAndKill returns the last number that the process said before it was
// killed, after at least n of them.
func writeAndKill(t *testing.T, url string, n int) (last int) {
	t.Helper()
	self, err := os.Executable()
	ok(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), writerVariable+"="+url)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	ok(t, err)
	ok(t, c.Start())
	lines := bufio.NewScanner(out)
	for count := 0; lines.Scan(); count++ {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Errorf("the writer said %q", lines.Text())
		}
		if count == n {
			ok(t, c.Process.Kill())
		}
	}
	if err := c.Wait(); err == nil || stderr.Len() > 0 {
		t.Fatalf("the writer was not killed: %v\n%s", err, &stderr)
	}
	return last
}

func newerSchema(t *testing.T, url string) {
	s, err := store.Open(t.Context(), url)
	ok(t, err)
	ok(t, s.Close())
	execute(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (900, true)`)
	_, err = store.Open(t.Context(), url)
	fails(t, slipway.Conflict, err)
	if message := slipway.MessageOf(err); !strings.Contains(message, "a newer Slipway (schema 900, this binary knows ") {
		t.Errorf("the message is %q", message)
	}
}

func restored(t *testing.T, url string) {
	s := open(t, url)
	makeTarget(t, s, prod)
	f := value(s.Acquire(t.Context(), prod, "me", lease))(t)
	state := value(s.LoadState(t.Context(), prod))(t)
	execute(t, url, `UPDATE counters SET value = 2 WHERE name = 'epoch'`)
	_, err := s.CommitState(t.Context(), "me", f, state)
	fails(t, slipway.Stale, err)

	s = open(t, url)
	f = value(s.Acquire(t.Context(), prod, "me", lease))(t)
	if f.Epoch != 2 || s.Epoch() != 2 {
		t.Errorf("epoch %d, fence %s", s.Epoch(), f)
	}
	value(s.CommitState(t.Context(), "me", f, value(s.LoadState(t.Context(), prod))(t)))(t)
}

// execute does behind the store's back what time travellers do.
func execute(t testing.TB, url, statement string) {
	t.Helper()
	driver, name := "pgx", url
	if path, found := strings.CutPrefix(url, "sqlite:"); found {
		driver, name = "sqlite", path
	}
	db, err := sql.Open(driver, name)
	ok(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	ok(t, err)
	ok(t, db.Close())
}
