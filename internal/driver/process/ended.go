package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// What is kept of what forgotten instances have printed.
const (
	endedBytes     = 1 << 20             // of each: its end
	endedOfTarget  = 16 << 20            // of all instances of a target together: the newest
	endedAge       = 14 * 24 * time.Hour // since it was forgotten
	endedLogsAtAll = 5000
)

// timesSuffix is what the name of a log's times ends with, beside the log's.
const timesSuffix = ".times"

func (d *Driver) endedLog(t slipway.TargetID, id slipway.InstanceID) string {
	name := fmt.Sprintf("%s.%s.%s.log", t.Service, t.Environment, id)
	return filepath.Join(d.dir, "ended", filepath.Base(name))
}

// keepLog saves the end of what i has printed, and drops what is too old or too
// much of what was saved before.
func (d *Driver) keepLog(i *instance) error {
	f, err := os.Open(filepath.Join(i.dir, logFile))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	printed := recallTimes(filepath.Join(i.dir, timesFile))
	from := min(max(size-endedBytes, printed.dropped()), size)
	end := make([]byte, size-from)
	if _, err := f.ReadAt(end, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	path := d.endedLog(i.spec.Target, i.spec.ID)
	if err := os.WriteFile(path, end, 0o600); err != nil {
		return err
	}
	if err := printed.shift(from).save(path + timesSuffix); err != nil {
		return err
	}
	return d.pruneLogs(time.Now())
}

// endedEntry is the kept end of one log.
type endedEntry struct {
	target slipway.TargetID
	id     slipway.InstanceID
	size   int64
	at     time.Time // when it was forgotten
}

// ended lists the ends of logs that are kept, the newest first.
func (d *Driver) ended() ([]endedEntry, error) {
	paths, err := filepath.Glob(filepath.Join(d.dir, "ended", "*.log"))
	if err != nil {
		return nil, err
	}
	var all []endedEntry
	for _, path := range paths {
		info, err := os.Stat(path)
		parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ".log"), ".") // names have no dots
		if err != nil || len(parts) != 3 {
			continue
		}
		all = append(all, endedEntry{
			slipway.TargetID{Service: slipway.ServiceName(parts[0]), Environment: slipway.EnvironmentName(parts[1])},
			slipway.InstanceID(parts[2]), info.Size(), info.ModTime().UTC(),
		})
	}
	slices.SortFunc(all, func(a, b endedEntry) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.id, b.id)) })
	return all, nil
}

func (d *Driver) pruneLogs(now time.Time) error {
	all, err := d.ended()
	total := map[slipway.TargetID]int64{}
	for n, e := range all {
		total[e.target] += e.size
		if n >= endedLogsAtAll || total[e.target] > endedOfTarget || now.Sub(e.at) > endedAge {
			path := d.endedLog(e.target, e.id)
			err = errors.Join(err, os.Remove(path))
			if gone := os.Remove(path + timesSuffix); !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}
	return err
}

// Printed lists whose output is kept of a target, who began first first.
func (d *Driver) Printed(_ context.Context, t slipway.TargetID) ([]slipway.Output, error) {
	var all []slipway.Output
	for _, i := range d.sorted() {
		if i.spec.Target != t {
			continue
		}
		o := slipway.Output{Instance: i.spec.ID, Since: i.spec.CreatedAt}
		if s := d.status(i); s.Phase == slipway.InstanceStopped {
			o.Until = s.Since
		}
		all = append(all, o)
	}
	ended, err := d.ended()
	if err != nil {
		return nil, err
	}
	for _, e := range ended {
		if e.target != t || slices.ContainsFunc(all, func(o slipway.Output) bool { return o.Instance == e.id }) {
			continue
		}
		o := slipway.Output{Instance: e.id, Since: e.at, Until: e.at, Gone: true}
		if marks := recallTimes(d.endedLog(t, e.id) + timesSuffix).marks; len(marks) > 0 && marks[0].Milli > 0 {
			o.Since = time.UnixMilli(marks[0].Milli).UTC()
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b slipway.Output) int { return a.Since.Compare(b.Since) })
	return all, nil
}
