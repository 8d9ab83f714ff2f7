package store

import (
	"context"
	"database/sql"

	"github.com/slipway-cd/slipway"
)

// Chunk is slipway.Chunk.
type Chunk = slipway.Chunk

// AddChunk records a piece of a log. Added is false when its sequence number is
// there already: the agent repeats what it got no answer for.
func (s *Store) AddChunk(ctx context.Context, job slipway.JobID, attempt int, c Chunk) (added bool, err error) {
	err = s.write(ctx, "record a piece of a log", func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `INSERT INTO chunks (job, attempt, sequence, start_offset, size) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (job, attempt, sequence) DO NOTHING`, string(job), attempt, c.Sequence, c.Offset, c.Size)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		added = n == 1
		return err
	})
	return added && err == nil, err
}

// Chunks lists the pieces of the log of an attempt, by sequence.
func (s *Store) Chunks(ctx context.Context, job slipway.JobID, attempt int) ([]Chunk, error) {
	chunks, err := scan(ctx, s.reading, func(rows *sql.Rows) (c Chunk, err error) {
		return c, rows.Scan(&c.Sequence, &c.Offset, &c.Size)
	}, `SELECT sequence, start_offset, size FROM chunks WHERE job = $1 AND attempt = $2 ORDER BY sequence`, string(job), attempt)
	return chunks, s.fail(err, "read a log")
}
