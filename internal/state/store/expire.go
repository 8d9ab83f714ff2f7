package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// oldJobs are jobs that have a log and were made before a time, of builds that have ended and of
// which no release has its image kept. IDs of jobs sort by time.
const oldJobs = `FROM chunks c JOIN jobs j ON j.id = c.job JOIN builds b ON b.id = j.build WHERE c.job < $1 AND b.ended = 1
	AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.build <> '' AND r.build = b.id AND r.pruned_at = 0)`

// made is what IDs made before at sort before.
func made(at time.Time) string {
	ms := fmt.Sprintf("%012x", max(at.UnixMilli(), 0))
	return ms[:8] + "-" + ms[8:]
}

// OldLogs counts the jobs made before a time that have a log which nobody needs:
// their builds have ended, and no release of theirs has its image kept.
func (s *Store) OldLogs(ctx context.Context, before time.Time) (n int, err error) {
	err = s.reading.QueryRowContext(ctx, `SELECT count(DISTINCT c.job) `+oldJobs, made(before)).Scan(&n)
	return n, s.fail(err, "look for old logs")
}

// ForgetLogs forgets at most limit of the logs that [Store.OldLogs] counts. Their
// bytes may go afterwards.
func (s *Store) ForgetLogs(ctx context.Context, before time.Time, limit int) (jobs int, err error) {
	err = s.write(ctx, "forget old logs", func(ctx context.Context, t *tx) error {
		old, err := scan(ctx, t, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) },
			`SELECT DISTINCT c.job `+oldJobs+` ORDER BY c.job LIMIT $2`, made(before), limit)
		if err != nil {
			return err
		}
		for _, id := range old {
			if _, err := t.ExecContext(ctx, `DELETE FROM chunks WHERE job = $1`, id); err != nil {
				return err
			}
		}
		jobs = len(old)
		return nil
	})
	return jobs, err
}

// Forgotten reports whether the log of a job made before a time was forgotten, or
// its job never known.
func (s *Store) Forgotten(ctx context.Context, job slipway.JobID, before time.Time) (bool, error) {
	if string(job) >= made(before) {
		return false, nil
	}
	var logged, open int
	err := s.reading.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM chunks WHERE job = $1),
		(SELECT count(*) FROM jobs j JOIN builds b ON b.id = j.build WHERE j.id = $1 AND b.ended = 0)`, string(job)).Scan(&logged, &open)
	return logged == 0 && open == 0, s.fail(err, "look for a log")
}

// DeleteEvents removes events by their numbers.
func (s *Store) DeleteEvents(ctx context.Context, numbers []int64) error {
	if len(numbers) == 0 {
		return nil
	}
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return s.write(ctx, "remove old events", func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `DELETE FROM events WHERE seq IN (`+strings.Join(texts, ", ")+`)`)
		return err
	})
}

// ForgetAgent forgets an agent that is gone, if it was not heard of since before.
func (s *Store) ForgetAgent(ctx context.Context, id slipway.AgentID, before time.Time) error {
	return s.write(ctx, "forget an agent", func(ctx context.Context, t *tx) error {
		a, err := one[slipway.Agent](ctx, t, `SELECT data FROM agents WHERE id = $1`+t.store.engine.forUpdate, string(id))
		if err != nil {
			return ignoreMissing(err)
		}
		if a.State == slipway.AgentConnected || !a.LastSeen.Before(before) {
			return nil
		}
		_, err = t.ExecContext(ctx, `DELETE FROM agents WHERE id = $1`, string(id))
		return err
	})
}
