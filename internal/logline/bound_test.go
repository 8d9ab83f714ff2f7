package logline_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/logline"
)

func TestWhatIsKeptIsBounded(t *testing.T) {
	r := logline.NewReader(as, func(e logline.Event) {
		if len(e.Text) > 4<<10 {
			t.Errorf("an event of %d bytes", len(e.Text))
		}
	})
	piece := bytes.Repeat([]byte("ERROR \xff\x00{\"a\":[[["), 4<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2000 { // some 120 MB without an end of a line
		_, _ = r.Write(piece)
	}
	r.End()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("an endless line took %d bytes", grown)
	}
}

func TestOnlyTheBeginningOfALongLineIsLookedAt(t *testing.T) {
	var whole []bool
	var events int
	r := logline.NewReader(func(text []byte, isWhole bool) string {
		whole = append(whole, isWhole)
		if len(text) > 16<<10 {
			t.Errorf("%d bytes", len(text))
		}
		return string(text)
	}, func(logline.Event) { events++ })
	for _, n := range []int{10, 40 << 10} {
		_, _ = r.Write([]byte("ERROR: " + strings.Repeat("x", n) + "\n"))
	}
	r.End()
	if events != 2 || len(whole) != 4 || !whole[0] || whole[2] {
		t.Errorf("%d events; whole: %v", events, whole)
	}
}

func TestSettledIsWhatNeedNotBeReadAgain(t *testing.T) {
	output := "a\nERROR: one\nINFO b\nERROR: two\nTraceback (most recent call last):\n  File x\nValueError: two\nINFO c\npanic: three\n\nlast"
	want := fmt.Sprint(read(output, 1<<20))
	for cut := range len(output) {
		var got []logline.Event
		found := func(e logline.Event) { got = append(got, e) }
		one := logline.NewReader(as, found)
		_, _ = one.Write([]byte(output[:cut]))
		next := logline.NewReader(as, found)
		_, _ = next.Write([]byte(output[one.Settled():]))
		next.End()
		if fmt.Sprint(got) != want {
			t.Errorf("cut at %d, settled %d: %v, want %s", cut, one.Settled(), got, want)
		}
	}
}

func TestAPauseEndsWhatMayGoOn(t *testing.T) {
	n := 0
	r := logline.NewReader(as, func(logline.Event) { n++ })
	_, _ = r.Write([]byte("ERROR: one\nhalf"))
	if n != 0 || r.Settled() != 0 {
		t.Errorf("%d events, %d settled while there may be more", n, r.Settled())
	}
	r.Pause()
	if n != 1 || r.Settled() != 11 {
		t.Errorf("%d events, %d settled after a pause", n, r.Settled())
	}
}

// FuzzReader: whatever is printed, nothing panics, and it does not matter where
// writes begin and end.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{", `{"level":"error","msg":"\u00`, "ERROR: a\n  b\n\nx", "Traceback (most recent call last):\n x\nA: b\n", "panic: a\n\ngoroutine 1 [running]:\nf()\n\t/x\n",
		"a.b.CException: x\n\tat y\nCaused by: z\n", "\x1b[31mERROR\x1b", "\x1b[", "level=error msg=\"a\\", "<3>x", "E0102 15:04:05 x] y", "PHP Fatal error: x", "thread 'a' panicked at b:\n", "'", "\"\\", "#", "a)\n\tfrom x\n", "(*)", ")",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, output string, n int) {
		n = max(1, min(n, 1<<10))
		whole, pieces := read(output, 1<<20), read(output, n)
		if fmt.Sprint(whole) != fmt.Sprint(pieces) {
			t.Errorf("%+v in one piece, %+v in pieces of %d", whole, pieces, n)
		}
		tally := logline.NewTally(slipway.Said{})
		for _, e := range whole {
			tally.Add(e, when)
			if len(e.Text) > 2<<10 {
				t.Errorf("%d bytes", len(e.Text))
			}
		}
		if said := tally.Said(); said.Errors+said.Warnings != uint64(len(whole)) {
			t.Errorf("%d events, %+v", len(whole), said)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	outputs := map[string]string{
		"JSON":     `{"time":"2022-11-08T15:28:26.000000000-05:00","level":"INFO","msg":"request","method":"GET","path":"/v1/orders/123","status":200,"took":"1.5ms"}` + "\n",
		"pairs":    `time=2022-11-08T15:28:26.000-05:00 level=INFO msg=request method=GET path=/v1/orders/123 status=200 took=1.5ms` + "\n",
		"words":    `2024-01-02 15:04:05,678 INFO [http-nio-8080-exec-3] com.example.orders.OrderController - GET /v1/orders/123 200 1.5ms` + "\n",
		"access":   `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /v1/orders/123 HTTP/1.0" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en]"` + "\n",
		"errors":   `time=2022-11-08T15:28:26.000-05:00 level=ERROR msg="charge failed" order=123 err="dial tcp 10.0.0.3:5432: connect: connection refused"` + "\n",
		"a traces": "Traceback (most recent call last):\n" + strings.Repeat("  File \"/app/main.py\", line 3, in <module>\n    charge()\n", 10) + "ValueError: bad amount\nINFO\n",
	}
	for name, output := range outputs {
		b.Run(name, func(b *testing.B) {
			block := []byte(strings.Repeat(output, 256<<10/len(output)))
			tally := logline.NewTally(slipway.Said{})
			r := logline.NewReader(as, func(e logline.Event) { tally.Add(e, when) })
			b.SetBytes(int64(len(block)))
			lines := 0
			for b.Loop() {
				_, _ = r.Write(block)
				lines += bytes.Count(block, []byte{'\n'})
			}
			b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
