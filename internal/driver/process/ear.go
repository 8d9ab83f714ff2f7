package process

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/logline"
)

// An ear looks at what was printed a moment later, and at less of it when it
// cannot keep up: it takes a quarter of a processor at the most, and what it is
// behind by more than mostBehind is not looked at. 200 000 lines a second were
// measured to take a twentieth of a processor.
const (
	listenIdle  = time.Second            // after nothing was printed
	listenSoon  = 250 * time.Millisecond // after something was
	listenAgain = 5 * time.Millisecond   // after much was: at least
	listenDuty  = 3                      // times what it took is how long it rests
	listenMost  = 1 << 20                // bytes at a time
	mostBehind  = logKept / 2
)

// ear counts what a child says is wrong, as its log grows: warnings, and errors
// by class.
type ear struct {
	vault  *vault
	reader *logline.Reader
	tally  *logline.Tally
	base   int64 // where in the log the reader began
	at     int64 // what it has read of it
	kept   int64 // of that, what the file out.said says
	saved  time.Time
	news   time.Time // when there was something to read last
	block  []byte
	pause  time.Duration // until it is worth listening again
}

// heard is the file out.said: what was counted, and how much of the log need not
// be looked at again. So another shim goes on where a killed one was.
type heard struct {
	Read int64
	Said slipway.Said
}

// newEar goes on from what the shim before has counted. Where nobody has, and the
// log is not that of a new instance, it begins with what is printed next.
func newEar(v *vault, isNew bool) *ear {
	e := &ear{vault: v, block: make([]byte, 64<<10)}
	var before heard
	if loadJSON(saidFile, &before) == nil && before.Said.Counter != "" {
		e.kept = before.Read
	} else {
		before = heard{Said: slipway.Said{Counter: rand.Text()}}
		if info, err := os.Stat(logFile); err == nil && !isNew {
			before.Read = info.Size()
		}
		e.kept = -1 // whoever says nothing has said so
	}
	e.tally = logline.NewTally(before.Said)
	e.begin(before.Read)
	return e
}

// begin reads from at on as if nothing were before it.
func (e *ear) begin(at int64) {
	e.base, e.at = at, at
	hide := func(text []byte, whole bool) string { return e.vault.hidePrinted(text, whole) }
	e.reader = logline.NewReader(hide, func(v logline.Event) { e.tally.Add(v, now()) })
}

// listen takes in what was printed since, of a log whose first bytes are dropped.
// While the secrets of an adopted child are not known, nobody may look at what
// it prints.
func (e *ear) listen(dropped int64) error {
	e.pause = listenIdle
	if known, _, _ := e.vault.look(); !known {
		return nil
	}
	f, err := os.Open(logFile)
	if errors.Is(err, fs.ErrNotExist) {
		return e.save()
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	e.skip(f, size, dropped)
	began, more := time.Now(), min(size-e.at, listenMost)
	if more == 0 {
		if began.Sub(e.news) < listenSoon {
			e.pause = listenSoon
			return nil
		}
		e.reader.Pause()
		return e.save()
	}
	e.news = began
	if err := e.read(f, e.at+more); err != nil {
		return err
	}
	e.pause = listenSoon
	if more > listenMost/8 { // much comes, or is left
		e.pause = min(listenSoon, max(listenAgain, listenDuty*time.Since(began)))
	}
	return e.save()
}

// skip gives up what is not there any more, and what it is too far behind with.
func (e *ear) skip(f *os.File, size, dropped int64) {
	if size < e.at {
		e.begin(0) // the log was begun anew
	}
	from := max(e.at, min(dropped, size))
	if size-from > mostBehind {
		from = lineAt(f, size-mostBehind/2)
	}
	if from > e.at {
		e.tally.Skip(from - e.at)
		e.begin(from)
	}
}

func (e *ear) read(f *os.File, until int64) error {
	for e.at < until {
		n, err := f.ReadAt(e.block[:min(int64(len(e.block)), until-e.at)], e.at)
		_, _ = e.reader.Write(e.block[:n]) // it takes everything
		e.at += int64(n)
		if errors.Is(err, io.EOF) {
			return nil // it was begun anew just now
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish listens to the end: of all that was printed, or of what was printed so
// far, which the next shim goes on with.
func (e *ear) finish(dropped int64, all bool) error {
	for all && e.pause < listenIdle {
		e.news = time.Time{} // there is nothing to wait for
		if err := e.listen(dropped); err != nil {
			return err
		}
	}
	if all {
		e.reader.End()
	}
	e.saved = time.Time{}
	return e.save()
}

// save writes down what was heard, where that is something new.
func (e *ear) save() error {
	read := e.base + e.reader.Settled()
	if read == e.kept || time.Since(e.saved) < listenSoon {
		return nil
	}
	if err := saveJSON(saidFile, heard{read, e.tally.Said()}); err != nil {
		return err
	}
	e.kept, e.saved = read, time.Now()
	return nil
}
