package process

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// logKept is how much of an instance's output is kept: the newest, up to
// logAge old.
const (
	logKept   = 16 << 20
	logAge    = 7 * 24 * time.Hour
	trimEvery = 64 << 10 // what has become too old is dropped in pieces of at least this

	shimLogKept = 1 << 20 // of what a shim says itself, which is little unless something fails again and again
)

// keepLog keeps shim.log within its bound, and out.log within its bounds while
// the child goes on appending to it, and notes when that grew; and has what is
// printed listened to. out.log is not rotated: the child holds it, and would
// follow a renamed one; its head is given back to the disk instead, which loses
// nothing that is younger.
func (s *shim) keepLog(done <-chan struct{}, e *ear) {
	t := recallTimes(timesFile)
	var trimmed time.Time
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		ended := false
		select {
		case <-done:
			ended = true
		case <-wait.C:
		}
		err := e.listen(t.dropped())
		if ended {
			err = errors.Join(err, e.finish(t.dropped(), s.stopping()))
		}
		if ended || time.Since(trimmed) >= trimPause-listenSoon {
			trimmed = time.Now()
			err = errors.Join(err, trim(logFile, t), t.save(timesFile), boundShimLog(shimLog))
		}
		if err != nil {
			s.log.Error("keep the log", "err", err)
		}
		if ended {
			return
		}
		wait.Reset(e.pause)
	}
}

// trimPause is how often logs are looked at that may have grown too long.
const trimPause = time.Second

// boundShimLog begins shim.log anew when it has become too long. Whoever writes
// to it appends.
func boundShimLog(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= shimLogKept {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Truncate(path, 0)
}

// trim notes how far the log is, and drops what is older than the newest logKept
// bytes, once a quarter more has come; and what is older than logAge.
func trim(path string, t *times) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		if os.IsNotExist(err) {
			err = nil
		}
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	at, dropped := now(), t.dropped()
	t.note(at, info.Size())
	old := max(info.Size()-logKept, 0)
	if old-dropped < logKept/4 {
		old = 0
	}
	if stale := t.before(at.Add(-logAge)); stale-dropped >= trimEvery {
		old = max(old, stale)
	}
	if old <= dropped {
		return nil
	}
	old = lineAt(f, old)
	if dropHead(f, old) == nil {
		t.drop(old)
		return nil
	}
	// This file system has no holes: begin anew. O_APPEND makes the child go
	// on at the new end.
	*t = times{changed: true}
	return f.Truncate(0)
}
