package daemon

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// journalEnv is how systemd tells a program that its output goes to the
// journal, and what that output is then: systemd.exec(5).
const journalEnv = "JOURNAL_STREAM"

// toJournal reports whether what is written to out ends in systemd's journal,
// where others read it, and later.
func toJournal(out io.Writer, stream string) bool {
	f, ok := out.(*os.File)
	if !ok || stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return true // it may
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || stream == fmt.Sprintf("%d:%d", s.Dev, s.Ino)
}
