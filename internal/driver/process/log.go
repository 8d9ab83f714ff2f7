package process

import (
	"log/slog"
	"os"
	"time"
)

// logKept is how much of an instance's output is kept: the newest.
const logKept = 16 << 20

// boundLog keeps out.log within its bound while the child goes on appending to
// it. It is not rotated: the child holds the file, and would follow a renamed
// one.
func boundLog(done <-chan struct{}, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var dropped int64
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		var err error
		if dropped, err = trim(logFile, dropped); err != nil {
			log.Error("bound the log", "err", err)
		}
	}
}

// trim drops what is older than the newest logKept bytes, of which the first
// dropped are gone already, once a quarter more has come.
func trim(path string, dropped int64) (int64, error) {
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
	old := info.Size() - logKept
	if old-dropped < logKept/4 {
		return dropped, nil
	}
	if dropHead(f, old) == nil {
		return old, nil
	}
	// This file system has no holes: begin anew. O_APPEND makes the child go
	// on at the new end.
	return 0, f.Truncate(0)
}
