package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bounds of a line.
const (
	lineAlive   = 15 * time.Second // of silence, after which the connection is tried
	lineWithin  = 5 * time.Second  // what the database must answer in
	lineFirst   = 100 * time.Millisecond
	lineLast    = 5 * time.Second // between two attempts to connect
	lineMost    = 7000            // bytes of a notification: PostgreSQL takes 7999
	lineLongest = 1000            // bytes of a topic
)

// Line carries hints between the servers on one PostgreSQL, by LISTEN and
// NOTIFY. It has two connections of its own: one that listens, and one whose
// notifications wait for no disk. A hint is no promise: what is said while a
// connection is lost may be lost with it, and then all is said to have been.
type Line struct {
	config *pgx.ConnConfig
	log    *slog.Logger
	name   string // of this server among those on the line
}

// Line is the one to the other servers on this database, or nil where there can
// be none: on SQLite.
func (s *Store) Line(log *slog.Logger) *Line {
	if s.dial == nil {
		return nil
	}
	return &Line{config: s.dial, log: log, name: rand.Text()}
}

// Carry says to the other servers what next returns, and calls heard with what
// they say, until ctx ends. The topic "" stands for all: some of them may have
// been lost. It is heard each time when listening begins.
func (l *Line) Carry(ctx context.Context, next func(context.Context) []string, heard func(topics []string)) error {
	var both sync.WaitGroup
	both.Go(func() {
		l.hold(ctx, "hearing other servers", func(c *pgx.Conn, channel string) error { return l.listen(ctx, c, channel, heard) })
	})
	both.Go(func() {
		var topics []string
		l.hold(ctx, "hinting at other servers", func(c *pgx.Conn, channel string) error { return l.say(ctx, c, channel, &topics, next) })
	})
	both.Wait()
	return nil
}

// hold keeps a connection for use, which ends when it is lost, until ctx ends.
func (l *Line) hold(ctx context.Context, doing string, use func(c *pgx.Conn, channel string) error) {
	for wait := lineFirst; ctx.Err() == nil; wait = min(2*wait, lineLast) {
		began := time.Now()
		c, channel, err := l.connect(ctx)
		if err == nil {
			err = use(c, channel)
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			_ = c.Close(closing) // it is lost, or not needed any more
			cancel()
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lineAlive {
			wait = lineFirst
		}
		l.log.Warn(doing+" goes on in a moment", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + mathrand.N(wait)):
		}
	}
}

// connect opens a connection and names the channel of this schema: several
// installations may share a database.
func (l *Line) connect(ctx context.Context) (c *pgx.Conn, channel string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*lineWithin)
	defer cancel()
	if c, err = pgx.ConnectConfig(ctx, l.config.Copy()); err != nil {
		return nil, "", err
	}
	var schema string
	// What is notified is no state: it need not be on a disk, nor on a replica's.
	err = c.QueryRow(ctx, `SELECT coalesce(current_schema(), ''), set_config('synchronous_commit', 'off', false), set_config('statement_timeout', '5s', false)`).
		Scan(&schema, nil, nil)
	if err != nil {
		_ = c.Close(ctx)
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(schema))
	return c, "slipway_" + hex.EncodeToString(sum[:8]), nil
}

// listen hears the others until the connection is lost or ctx ends.
func (l *Line) listen(ctx context.Context, c *pgx.Conn, channel string, heard func([]string)) error {
	within, cancel := context.WithTimeout(ctx, lineWithin)
	_, err := c.Exec(within, `LISTEN `+channel)
	cancel()
	if err != nil {
		return err
	}
	heard([]string{""}) // nobody knows what was said before
	for {
		within, cancel := context.WithTimeout(ctx, lineAlive)
		n, err := c.WaitForNotification(within)
		silent := within.Err() != nil
		cancel()
		switch {
		case err == nil:
			if from, topics, ok := strings.Cut(n.Payload, " "); ok && from != l.name {
				heard(strings.Split(topics, "\n"))
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case !silent:
			return err
		default:
			within, cancel := context.WithTimeout(ctx, lineWithin)
			err := c.Ping(within)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// say notifies the others until the connection is lost or ctx ends. What could
// not be said stays in topics.
func (l *Line) say(ctx context.Context, c *pgx.Conn, channel string, topics *[]string, next func(context.Context) []string) error {
	for {
		if len(*topics) == 0 {
			*topics = next(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for len(*topics) > 0 {
			payload, rest := l.pack(*topics)
			within, cancel := context.WithTimeout(ctx, lineWithin)
			_, err := c.Exec(within, `SELECT pg_notify($1, $2)`, channel, payload)
			cancel()
			if err != nil {
				return err
			}
			*topics = rest
		}
	}
}

// pack makes a notification of as many topics as fit, and returns the others. One
// that cannot be told stands for all.
func (l *Line) pack(topics []string) (payload string, rest []string) {
	var b strings.Builder
	b.WriteString(l.name)
	for i, t := range topics {
		if len(t) > lineLongest || strings.Contains(t, "\n") {
			t = ""
		}
		if b.Len()+1+len(t) > lineMost {
			return b.String(), topics[i:]
		}
		if i == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteByte('\n')
		}
		b.WriteString(t)
	}
	return b.String(), nil
}
