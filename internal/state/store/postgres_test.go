package store_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/state/store"
	"github.com/slipway-cd/slipway/internal/state/store/storetest"
)

// The connection is lost when COMMIT was sent, once before the server has got
// it and once before its answer comes back: the store finds out which.
func TestLostCommit(t *testing.T) {
	for name, delivered := range map[string]bool{"the server got it": true, "the server did not": false} {
		t.Run(name, func(t *testing.T) {
			direct := storetest.Postgres(t)
			p := newProxy(t, direct, delivered)
			s, err := store.Open(t.Context(), p.url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // the database goes away
			var heard atomic.Int32
			s.OnEvents = func(events []slipway.Event) { heard.Add(int32(len(events))) }
			if err := s.AppendEvents(t.Context(), slipway.Event{Text: "before"}); err != nil {
				t.Fatal(err)
			}
			p.armed.Store(true)
			err = s.AppendEvents(t.Context(), slipway.Event{Text: "lost?"})
			if p.armed.Load() {
				t.Fatal("no COMMIT was lost")
			}
			n, errAfter := s.LastEvent(t.Context())
			if errAfter != nil {
				t.Fatal(errAfter)
			}
			switch {
			case delivered && (err != nil || n != 2 || heard.Load() != 2):
				t.Errorf("%v, %d events, %d heard: what was committed was taken for lost", err, n, heard.Load())
			case !delivered && (slipway.CodeOf(err) != slipway.Unavailable || n != 1 || heard.Load() != 1):
				t.Errorf("%v, %d events, %d heard: what was lost was taken for committed", err, n, heard.Load())
			}
		})
	}
}

// proxy stands between the store and the server, and breaks one connection at
// COMMIT.
type proxy struct {
	url       string
	server    string
	delivered bool // COMMIT reaches the server
	armed     atomic.Bool
}

func newProxy(t *testing.T, direct string, delivered bool) *proxy {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, delivered: delivered}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	p.url = u.String()
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(client) })
		}
	})
	return p
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // as a broken cable does
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // as a broken cable does
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("commit\x00")) && p.armed.CompareAndSwap(true, false) {
			_ = client.Close()
			if p.delivered {
				_, _ = server.Write(buffer[:n])
			}
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func TestPostgresMessages(t *testing.T) {
	direct := storetest.Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(change func(*url.URL)) string {
		v := *u
		change(&v)
		return v.String()
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for want, urls := range map[slipway.Code][]string{
		slipway.Invalid: {"postgres://user:hunter2@host:port/x"},
		slipway.Unavailable: {
			wrong(func(u *url.URL) { u.User = url.UserPassword("postgres", "hunter2") }),
			wrong(func(u *url.URL) { u.Path = "/no-such-database" }),
			wrong(func(u *url.URL) { u.Host = closed.Addr().String() }),
		},
	} {
		for _, url := range urls {
			_, err := store.Open(t.Context(), url)
			message := slipway.MessageOf(err)
			if slipway.CodeOf(err) != want || bytes.Contains([]byte(message), []byte("hunter2")) {
				t.Errorf("%s: %v", url, err)
			}
		}
	}
}

// A server whose owner prefers speed to durability is asked for durability.
func TestCommitsAreSynchronous(t *testing.T) {
	direct := storetest.Postgres(t)
	db, err := sql.Open("pgx", direct)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // of a database that goes away
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`ALTER DATABASE %s SET synchronous_commit = off`, u.Path[1:])); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a database that goes away
	if got, err := store.Setting(t.Context(), s, "SHOW synchronous_commit"); got != "on" || err != nil {
		t.Errorf("synchronous_commit is %q: %v", got, err)
	}
}

func TestSerializationFailuresAreRetried(t *testing.T) {
	s, err := store.Open(t.Context(), storetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a database that goes away
	for _, state := range []string{"40001", "40P01"} {
		raise := fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'in each other''s way' USING ERRCODE = '%s'; END $$`, state)
		tries := 0
		err := store.Write(t.Context(), s, func(try int) string {
			if tries = try; try < 3 {
				return raise
			}
			return `SELECT 1`
		})
		if err != nil || tries != 3 {
			t.Errorf("%s: %v after %d tries", state, err, tries)
		}
		err = store.Write(t.Context(), s, func(try int) string { tries = try; return raise })
		if slipway.CodeOf(err) != slipway.Unavailable || tries > 10 {
			t.Errorf("%s for ever: %v after %d tries", state, err, tries)
		}
	}
	err = store.Write(t.Context(), s, func(int) string { return `SELECT 1/0` })
	if slipway.CodeOf(err) != slipway.Internal {
		t.Errorf("an error that is ours: %v", err)
	}
}
