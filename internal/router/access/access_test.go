package access_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/router/access"
)

var entry = access.Entry{
	Began: time.Unix(1_800_000_000, 0), Took: 1500 * time.Microsecond,
	Target:  slipway.TargetID{Service: "shop", Environment: "prod"},
	Release: 14, Instance: "i-1", Method: "GET", Path: "/a/b?token=secret", Status: 200, Bytes: 12, Trace: "0af7651916cd43dd8448eb211c80319c",
}

// lines is where a log writes to in a test.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

func (l *lines) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func TestALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to lines
		l := access.New(&to, nil)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		l.Add(entry)
		odd := entry
		odd.Path, odd.Method, odd.Preview = "/\"\x1b[31m\xff<script>", strings.Repeat("é", 2000), true
		l.Add(odd)
		time.Sleep(time.Second)
		end()
		<-done
		all := to.all()
		const want = `{"time":"2027-01-15T08:00:00.000000Z","service":"shop","environment":"prod","release":14,"instance":"i-1",` +
			`"method":"GET","path":"/a/b","status":200,"bytes":12,"ms":1.500,"trace":"0af7651916cd43dd8448eb211c80319c"}`
		if all[0] != want {
			t.Errorf("%s\nwant %s", all[0], want)
		}
		var read map[string]any
		if err := json.Unmarshal([]byte(all[1]), &read); err != nil || len(all[1]) > 2000 || strings.ContainsRune(all[1], '\x1b') || read["preview"] != true {
			t.Errorf("%s: %v", all[1], err)
		}
	})
}

// A disk that takes nothing costs lines, and no memory.
func TestWhatCannotBeWrittenIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := lines{}
		l := access.New(&to, nil)
		for range 100_000 {
			l.Add(entry)
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		time.Sleep(time.Second)
		all := to.all()
		var last struct{ Dropped int }
		if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Dropped+len(all)-1 != 100_000 {
			t.Errorf("%d lines, %d dropped, %v", len(all), last.Dropped, err)
		}
		to.fail(errors.New("full"))
		l.Add(entry)
		time.Sleep(time.Second)
		to.fail(nil)
		l.Add(entry)
		time.Sleep(time.Second)
		if after := to.all(); len(after) != len(all)+1 {
			t.Errorf("%d lines after %d", len(after), len(all))
		}
		end()
		<-done
	})
}

func TestRotation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	open := func() *access.File {
		t.Helper()
		f, err := access.OpenFile(name, 1<<10, 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	one, two := open(), open() // as while a router is upgraded
	for n := range 100 {
		f := one
		if n%2 == 1 {
			f = two
		}
		if _, err := fmt.Fprintf(f, "%03d %s\n", n, strings.Repeat("x", 95)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(name + "*")
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	next := 99
	for _, file := range []string{name, name + ".1", name + ".2"} {
		text, err := os.ReadFile(file)
		if err != nil || len(text) > 1<<10 {
			t.Fatalf("%s: %d bytes, %v", file, len(text), err)
		}
		all := strings.Split(strings.TrimSpace(string(text)), "\n")
		for i, line := range slices.Backward(all) {
			if !strings.HasPrefix(line, fmt.Sprintf("%03d ", next)) {
				t.Fatalf("%s, line %d: %.10s, want %d", file, i, line, next)
			}
			next--
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := access.OpenFile(filepath.Join(name, "x"), 1<<20, 1); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("%v", err)
	}
}
