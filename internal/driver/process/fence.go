package process

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"

	"github.com/slipway-cd/slipway"
)

// record is what must survive of a target, whatever becomes of its instances:
// the highest fence seen and how many instances its groups were last asked for.
type record struct {
	Fence  slipway.Fence
	Groups map[slipway.GroupID]int
}

// ledger keeps a record per target, a file each. What it has accepted is on
// disk before anybody acts on it.
type ledger struct {
	dir string

	mu      sync.Mutex
	records map[slipway.TargetID]record
}

func newLedger(dir string) *ledger {
	return &ledger{dir: dir, records: map[slipway.TargetID]record{}}
}

// admit refuses a fence lower than the highest seen for t, as Stale, and
// otherwise writes it down, with the change to the groups that comes with it.
func (l *ledger) admit(t slipway.TargetID, f slipway.Fence, change func(groups map[slipway.GroupID]int)) error {
	if err := errors.Join(t.Service.Validate(), t.Environment.Validate()); err != nil {
		return slipway.Errorf(slipway.Invalid, "%q is not a target: %w", t, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, err := l.read(t)
	if err != nil {
		return err
	}
	if f.Less(old.Fence) {
		return slipway.Errorf(slipway.Stale, "fence %s of %s is over: %s was seen", f, t, old.Fence)
	}
	next := record{Fence: f, Groups: map[slipway.GroupID]int{}}
	maps.Copy(next.Groups, old.Groups)
	if change != nil {
		change(next.Groups)
	}
	if next.Fence == old.Fence && maps.Equal(next.Groups, old.Groups) {
		return nil
	}
	if err := saveJSONDurably(l.path(t), next); err != nil {
		return explain("write down the fence of "+t.String(), err)
	}
	l.records[t] = next
	return nil
}

// look is the record of t; an empty one when nothing was ever asked for it.
func (l *ledger) look(t slipway.TargetID) (record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.read(t)
}

func (l *ledger) read(t slipway.TargetID) (record, error) {
	if r, ok := l.records[t]; ok {
		return r, nil
	}
	var r record
	if err := loadJSON(l.path(t), &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return record{}, slipway.Errorf(slipway.Internal, "the fence of %s cannot be read: %w", t, err)
	}
	l.records[t] = r
	return r, nil
}

// path has a dot between the names, which neither can contain.
func (l *ledger) path(t slipway.TargetID) string {
	return filepath.Join(l.dir, string(t.Service)+"."+string(t.Environment))
}
