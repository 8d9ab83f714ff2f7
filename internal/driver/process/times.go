package process

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"time"
)

// times says when a log had grown how far, to the second: the file out.times
// beside it. The first mark is where what is kept begins.
type times struct {
	marks   []mark
	changed bool
}

// mark says that the first Size bytes of a log were printed by then.
type mark struct{ Milli, Size int64 }

// maxMarks bounds the marks of a log; of more, every other is given up.
const maxMarks = 1024

// recallTimes reads what an earlier shim has noted. What cannot be read is not
// known.
func recallTimes(path string) *times {
	t := &times{}
	b, err := os.ReadFile(path)
	if err == nil {
		t.marks = make([]mark, len(b)/binary.Size(mark{}))
		_ = binary.Read(bytes.NewReader(b), binary.BigEndian, t.marks)
	}
	return t
}

// save writes the marks, if there are new ones.
func (t *times) save(path string) error {
	if !t.changed {
		return nil
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.BigEndian, t.marks) // never fails
	if err := os.WriteFile(path+".new", b.Bytes(), 0o600); err != nil {
		return err
	}
	t.changed = false
	return os.Rename(path+".new", path)
}

// note takes in how long the log is now.
func (t *times) note(at time.Time, size int64) {
	if n := len(t.marks); n > 0 && t.marks[n-1].Size == size || n == 0 && size == 0 {
		return
	}
	t.marks = append(t.marks, mark{at.UnixMilli(), size})
	t.changed = true
	if len(t.marks) > maxMarks {
		var every []mark
		for i := 0; i < len(t.marks); i += 2 {
			every = append(every, t.marks[i])
		}
		t.marks = every
	}
}

// before is how much of the log was printed by a moment, for sure.
func (t *times) before(at time.Time) int64 {
	n, _ := slices.BinarySearchFunc(t.marks, at.UnixMilli()+1, func(m mark, milli int64) int { return int(min(max(m.Milli-milli, -1), 1)) })
	if n == 0 {
		return 0
	}
	return t.marks[n-1].Size
}

// drop forgets what is not kept any more: the first size bytes.
func (t *times) drop(size int64) {
	rest := slices.DeleteFunc(t.marks, func(m mark) bool { return m.Size <= size })
	t.marks = slices.Insert(rest, 0, mark{0, size})
	t.changed = true
}

// dropped is where what is kept begins.
func (t *times) dropped() int64 {
	if len(t.marks) > 0 && t.marks[0].Milli == 0 {
		return t.marks[0].Size
	}
	return 0
}

// shift is what is known of the end of a log, from size on.
func (t *times) shift(size int64) *times {
	end := &times{changed: true}
	for _, m := range t.marks {
		if m.Size > size {
			end.marks = append(end.marks, mark{m.Milli, m.Size - size})
		}
	}
	return end
}

// last is when something was printed last; zero when that is not known.
func (t *times) last() time.Time {
	if n := len(t.marks); n > 0 && t.marks[n-1].Milli != 0 {
		return time.UnixMilli(t.marks[n-1].Milli).UTC()
	}
	return time.Time{}
}
