package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestLastWordsAreThoseOfThisTime(t *testing.T) {
	const before = "slipway: 127.0.0.1:7070 is taken by another program\nchoose another address\n"
	for _, tt := range []struct {
		name, now string
		exit      int
		code      slipway.Code
		want      string
	}{
		{"an error and what to do", "level=INFO msg=hello\nslipway: cannot listen on x\nwrite HOST:PORT\n", 2, slipway.Invalid, "cannot listen on x\nwrite HOST:PORT"},
		{"the last of two", "slipway: one\nslipway: two\n", 1, slipway.Conflict, "two"},
		{"nobody there", "slipway: the database cannot be reached\n", 5, slipway.Unavailable, "the database cannot be reached"},
		{"killed", "level=WARN msg=\"remote: slipway: no\"\n", -1, slipway.Unavailable, "the server ended before it answered\nits log: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "server.log")
			if err := os.WriteFile(file, []byte(before+tt.now), 0o600); err != nil {
				t.Fatal(err)
			}
			err := lastWords(file, int64(len(before)), tt.exit)
			want := tt.want
			if tt.exit == -1 {
				want += file
			}
			if slipway.CodeOf(err) != tt.code || err.Error() != want {
				t.Errorf("%s %q, want %s %q", slipway.CodeOf(err), err, tt.code, want)
			}
		})
	}
}
