package procid

// Entry is a process as the kernel's table shows it.
type Entry struct {
	ID
	Parent int
	Group  int
	Ended  bool // it waits for its parent to ask how
	Ending bool // it has been told to end, by itself or by the kernel, and will; where the kernel shows it
}

// Below reports whether the process descends from ancestor, by the table all.
func (e Entry) Below(ancestor int, all map[int]Entry) bool {
	for range all { // an end, if processes moved under us
		if e.Parent == ancestor {
			return true
		}
		above, ok := all[e.Parent]
		if !ok {
			return false
		}
		e = above
	}
	return false
}
