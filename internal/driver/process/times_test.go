package process

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestWhenALogGrew(t *testing.T) {
	var ts times
	ts.note(began, 0)
	for n := range int64(5) {
		ts.note(began.Add(time.Duration(n)*time.Second), 100*(n+1))
		ts.note(began.Add(time.Duration(n)*time.Second+1), 100*(n+1)) // nothing new
	}
	before := func(seconds float64) int64 {
		return ts.before(began.Add(time.Duration(seconds * float64(time.Second))))
	}
	for seconds, want := range map[float64]int64{-1: 0, 0: 100, 0.5: 100, 1: 200, 3.9: 400, 99: 500} {
		if got := before(seconds); got != want {
			t.Errorf("after %v s: %d bytes, want %d", seconds, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "out.times")
	if err := ts.save(path); err != nil {
		t.Fatal(err)
	}
	if again := recallTimes(path); !slices.Equal(again.marks, ts.marks) {
		t.Errorf("written %v, read %v", ts.marks, again.marks)
	}
	ts.drop(250)
	if ts.dropped() != 250 || before(-1) != 250 || before(2) != 300 || before(99) != 500 {
		t.Errorf("once the head is dropped: %v", ts.marks)
	}
	if end := ts.shift(300); end.before(began.Add(3*time.Second)) != 100 || end.last() != began.Add(4*time.Second).UTC() {
		t.Errorf("of the end: %v", end.marks)
	}
	for n := range int64(10 * maxMarks) {
		ts.note(began.Add(time.Duration(n)*time.Second), 1000+n)
	}
	if len(ts.marks) > maxMarks || before(float64(9*maxMarks)) < 1000+8*maxMarks {
		t.Errorf("%d marks; the newest are %v", len(ts.marks), ts.marks[len(ts.marks)-2:])
	}
}

func TestWhatIsTooOldIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.log")
	old, young := strings.Repeat("long ago\n", 100<<10), "just now\n"
	if err := os.WriteFile(path, []byte(old+young), 0o600); err != nil {
		t.Fatal(err)
	}
	ts := &times{marks: []mark{{now().Add(-logAge - time.Hour).UnixMilli(), int64(len(old))}}}
	for range 2 { // again, there is nothing to drop
		if err := trim(path, ts); err != nil || ts.dropped() != int64(len(old)) {
			t.Fatalf("dropped %d of %d, %v", ts.dropped(), len(old), err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := seekTail(f, ts, time.Time{}, -1); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(f); string(b) != young {
		t.Errorf("%.40q is left", b)
	}
}

func TestEndsOfLogsAreBounded(t *testing.T) {
	d := &Driver{dir: t.TempDir(), instances: map[slipway.InstanceID]*instance{}}
	if err := os.Mkdir(filepath.Join(d.dir, "ended"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := slipway.TargetID{Service: "other", Environment: "prod"}
	shop := slipway.TargetID{Service: "shop", Environment: "prod"}
	put := func(target slipway.TargetID, id slipway.InstanceID, size int64, age time.Duration) {
		path := d.endedLog(target, id)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	put(shop, "i-new", endedBytes, time.Hour)
	put(shop, "i-large", endedOfTarget-endedBytes, 2*time.Hour)
	put(shop, "i-more", 1, 3*time.Hour)
	put(other, "i-other", 1, 4*time.Hour)
	put(other, "i-old", 1, endedAge+time.Hour)
	if err := d.pruneLogs(time.Now()); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[slipway.TargetID][]slipway.InstanceID{shop: {"i-large", "i-new"}, other: {"i-other"}} {
		all, err := d.Printed(t.Context(), target)
		var got []slipway.InstanceID
		for _, o := range all {
			got = append(got, o.Instance)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", target, got, err, want)
		}
	}
}
