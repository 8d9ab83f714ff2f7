package yard

import (
	"fmt"
	"time"
)

// Taking is one time that a message was given to an instance.
type Taking struct {
	Writer
	Message, Instance string
	Release           int
	At                time.Time
	Ready             bool // the process had become ready before
	Done              bool
}

// Takings reads what services have written down of messages so far.
func (y *Yard) Takings() ([]Taking, error) {
	type given struct {
		by      Writer
		message string
	}
	var all []Taking
	ready, last := map[Writer]bool{}, map[given]int{} // index
	err := y.read(func(by Writer, what, rest string) error {
		switch what {
		case "ready":
			ready[by] = true
		case "took":
			t, at := Taking{Writer: by, Ready: ready[by]}, int64(0)
			if _, err := fmt.Sscan(rest, &t.Message, &t.Instance, &t.Release, &at); err != nil {
				return fmt.Errorf("took %q: %w", rest, err)
			}
			t.At = time.UnixMicro(at)
			last[given{by, t.Message}] = len(all)
			all = append(all, t)
		case "did":
			if n, took := last[given{by, rest}]; took {
				all[n].Done = true
			}
		}
		return nil
	})
	return all, err
}
