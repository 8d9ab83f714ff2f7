package dispatch

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/slipway-cd/slipway"
)

// Bounds of logs, besides [slipway.MaxLogBytes].
const (
	MaxChunk  = 1 << 20 // bytes of one piece
	maxChunks = 100_000 // pieces of one log
	maxRead   = 1 << 20 // bytes, about, of one answer of Log
)

// cutChunk is the sequence of the last piece of a log that was too long, which
// says so. Agents count from 0 or 1 and do not get there.
const cutChunk = 1 << 30

// logs are those that grow: what is known of them saves reading it for every
// piece.
type logs struct {
	mu   sync.Mutex
	open map[logID]*openLog
}

type logID struct {
	job     slipway.JobID
	attempt int
}

func (l logID) key(sequence int) string {
	return fmt.Sprintf("logs/%s/%d/%d", l.job, l.attempt, sequence)
}

type openLog struct {
	mu   sync.Mutex // one piece at a time
	read bool
	have map[int]bool
	size int64
}

func newLogs() *logs { return &logs{open: map[logID]*openLog{}} }

func (l *logs) get(id logID) *openLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[id] == nil {
		l.open[id] = &openLog{have: map[int]bool{}}
	}
	return l.open[id]
}

// keep forgets the logs of attempts that ended elsewhere.
func (l *logs) keep(lives func(slipway.JobID, int) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.open, func(id logID, _ *openLog) bool { return !lives(id.job, id.attempt) })
}

func (l *logs) forget(job slipway.JobID, attempt int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, logID{job, attempt})
}

// AppendLog stores a piece of an attempt's log, which begins at offset. A piece
// that is there already is stored once. What is over [slipway.MaxLogBytes] is
// dropped, and the log says so.
//
// It returns Stale when the attempt is over, Invalid for a piece that cannot be,
// and TooLarge.
func (d *Dispatch) AppendLog(ctx context.Context, g slipway.JobGrant, sequence int, offset int64, data []byte) error {
	switch {
	case sequence < 0 || sequence >= cutChunk || offset < 0:
		return slipway.Errorf(slipway.Invalid, "a piece of a log cannot have sequence %d and offset %d", sequence, offset)
	case len(data) > MaxChunk:
		return slipway.Errorf(slipway.TooLarge, "a piece of a log may have %d bytes, not %d", MaxChunk, len(data))
	}
	if _, err := d.Attempt(ctx, g); err != nil {
		return err
	}
	id := logID{g.Job, g.Attempt}
	log := d.logs.get(id)
	log.mu.Lock()
	defer log.mu.Unlock()
	if sequence > 0 && !log.have[sequence-1] {
		log.read = false // another server may have taken what came before
	}
	if err := d.load(ctx, id, log); err != nil {
		return err
	}
	if log.have[sequence] || len(data) == 0 {
		return nil
	}
	room := min(slipway.MaxLogBytes-offset, slipway.MaxLogBytes-log.size)
	if room < int64(len(data)) || len(log.have) >= maxChunks {
		if err := d.cut(ctx, id, log); err != nil || room <= 0 || len(log.have) >= maxChunks {
			return err
		}
		data = data[:min(room, int64(len(data)))]
	}
	if err := d.store(ctx, id, log, slipway.Chunk{Sequence: sequence, Offset: offset, Size: int64(len(data))}, data); err != nil {
		return err
	}
	if d.Waker != nil {
		d.Waker.Wake("log/" + string(g.Job))
	}
	return nil
}

// load learns what there is of a log that another process has begun, or went on
// with.
func (d *Dispatch) load(ctx context.Context, id logID, log *openLog) error {
	if log.read {
		return nil
	}
	chunks, err := d.Store.Chunks(ctx, id.job, id.attempt)
	if err != nil {
		return err
	}
	log.size = 0
	for _, c := range chunks {
		log.have[c.Sequence] = true
		log.size += c.Size
	}
	log.read = true
	return nil
}

func (d *Dispatch) cut(ctx context.Context, id logID, log *openLog) error {
	if log.have[cutChunk] {
		return nil
	}
	note := fmt.Appendf(nil, "\nslipway: the log is cut here, at %d MiB\n", slipway.MaxLogBytes>>20)
	return d.store(ctx, id, log, slipway.Chunk{Sequence: cutChunk, Offset: slipway.MaxLogBytes, Size: int64(len(note))}, note)
}

// store writes the bytes before it lists them: what is listed is there.
func (d *Dispatch) store(ctx context.Context, id logID, log *openLog, c slipway.Chunk, data []byte) error {
	if _, err := d.Blobs.Put(ctx, id.key(c.Sequence), bytes.NewReader(data)); err != nil {
		return err
	}
	if _, err := d.Store.AddChunk(ctx, id.job, id.attempt, c); err != nil {
		return err
	}
	log.have[c.Sequence] = true
	log.size += c.Size
	return nil
}

// Log reads the log of an attempt from offset on, about a mebibyte of it, and
// says where to go on. It reads up to the first piece that is still missing;
// once the attempt is over, what is missing is said in its place.
//
// It returns NotFound when the job has no such attempt; 0 is the newest.
func (d *Dispatch) Log(ctx context.Context, job slipway.JobID, attempt int, offset int64) (data []byte, next int64, err error) {
	a, err := d.attempt(ctx, job, attempt)
	if err != nil || a == nil {
		return nil, offset, err
	}
	chunks, err := d.Store.Chunks(ctx, job, a.Number)
	if err != nil {
		return nil, offset, err
	}
	slices.SortStableFunc(chunks, func(a, b slipway.Chunk) int { return cmp.Compare(a.Offset, b.Offset) })
	next = offset
	for _, c := range chunks {
		end := c.Offset + c.Size
		switch {
		case len(data) >= maxRead:
			return data, next, nil
		case end <= next:
			continue
		case c.Offset > next && isLive(a):
			return data, next, nil
		case c.Offset > next:
			if c.Sequence != cutChunk {
				data = fmt.Appendf(data, "\nslipway: %d bytes of the log are missing here\n", c.Offset-next)
			}
			next = c.Offset
		}
		from := next - c.Offset
		piece, err := d.Blobs.ReadRange(ctx, logID{job, a.Number}.key(c.Sequence), from, c.Size-from)
		if err != nil {
			return data, next, err
		}
		data, next = append(data, piece...), end
	}
	return data, next, nil
}

// LogSize is how long the log of a job's newest attempt is now.
func (d *Dispatch) LogSize(ctx context.Context, job slipway.JobID) (size int64, err error) {
	a, err := d.attempt(ctx, job, 0)
	if err != nil || a == nil {
		return 0, err
	}
	chunks, err := d.Store.Chunks(ctx, job, a.Number)
	for _, c := range chunks {
		size = max(size, c.Offset+c.Size)
	}
	return size, err
}

// attempt finds an attempt by number; nil for the newest of a job that has none
// yet.
func (d *Dispatch) attempt(ctx context.Context, job slipway.JobID, number int) (*slipway.Attempt, error) {
	id, err := d.Store.BuildOfJob(ctx, job)
	if err != nil {
		return nil, err
	}
	b, err := d.Store.Build(ctx, id)
	if err != nil {
		return nil, err
	}
	j := b.Job(job)
	switch {
	case j == nil || number < 0 || number > len(j.Attempts):
		return nil, slipway.Errorf(slipway.NotFound, "the job has no attempt %d", number)
	case number == 0:
		return j.Last(), nil
	}
	return &j.Attempts[number-1], nil
}
