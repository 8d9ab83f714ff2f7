package daemon

import (
	"io"
	"os"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cli"
)

const maxRoleLog = 16 << 20 // then it starts anew, the one before is kept

// openLog opens a role's log for appending, after moving a long one aside.
func openLog(file string) (*os.File, error) {
	if i, err := os.Stat(file); err == nil && i.Size() > maxRoleLog {
		_ = os.Rename(file, file+".1")
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "cannot write the log %s: %w", file, err)
	}
	return f, nil
}

// length is how much of a log is there already.
func length(f *os.File) int64 {
	i, err := f.Stat()
	if err != nil {
		return 0
	}
	return i.Size()
}

// lastWords is the error that a process ended with: the last "slipway: …" that
// it wrote into its log, which had the length from when it started.
func lastWords(file string, from int64, exit int) error {
	text := "\n" + readFrom(file, from)
	i := strings.LastIndex(text, "\nslipway: ")
	if i < 0 {
		return slipway.Errorf(slipway.Unavailable, "the server ended before it answered").Do("its log: %s", file)
	}
	_, words, _ := strings.Cut(text[i:], ": ")
	message, next, _ := strings.Cut(strings.TrimSpace(words), "\n")
	return slipway.Errorf(cli.CodeOfExit(exit), "%s", message).Do("%s", next)
}

func readFrom(file string, from int64) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	text, _ := io.ReadAll(io.NewSectionReader(f, from, maxRoleLog)) // what there is
	return string(text)
}
