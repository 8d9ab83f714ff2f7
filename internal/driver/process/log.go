package process

import (
	"log/slog"
	"os"
	"time"
)

// logKept is how much of an instance's output is kept: the newest, up to
// logAge old.
const (
	logKept   = 16 << 20
	logAge    = 7 * 24 * time.Hour
	trimEvery = 64 << 10 // what has become too old is dropped in pieces of at least this
)

// boundLog keeps out.log within its bounds while the child goes on appending to
// it, and notes when it grew. The file is not rotated: the child holds it, and
// would follow a renamed one; its head is given back to the disk instead, which
// loses nothing that is younger.
func boundLog(done <-chan struct{}, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	t := recallTimes(timesFile)
	var dropped int64
	for {
		ended := false
		select {
		case <-done:
			ended = true
		case <-tick.C:
		}
		var err error
		if dropped, err = trim(logFile, t, dropped); err == nil {
			err = t.save(timesFile)
		}
		if err != nil {
			log.Error("bound the log", "err", err)
		}
		if ended {
			return
		}
	}
}

// trim notes how far the log is, and drops what is older than the newest logKept
// bytes, of which the first dropped are gone already, once a quarter more has
// come; and what is older than logAge.
func trim(path string, t *times, dropped int64) (int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return dropped, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return dropped, err
	}
	at := now()
	t.note(at, info.Size())
	old := max(info.Size()-logKept, 0)
	if old-dropped < logKept/4 {
		old = 0
	}
	if stale := t.before(at.Add(-logAge)); stale-dropped >= trimEvery {
		old = max(old, stale)
	}
	if old <= dropped {
		return dropped, nil
	}
	old = lineAt(f, old)
	if dropHead(f, old) == nil {
		t.drop(old)
		return old, nil
	}
	// This file system has no holes: begin anew. O_APPEND makes the child go
	// on at the new end.
	*t = times{}
	return 0, f.Truncate(0)
}
