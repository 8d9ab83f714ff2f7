package process_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/process"
)

// observe looks at the one instance.
func observe(t testing.TB, d *process.Driver) slipway.InstanceStatus {
	t.Helper()
	groups, err := d.Observe(t.Context(), shop)
	if err != nil || len(groups) != 1 || len(groups[0].Instances) != 1 {
		t.Fatalf("Observe: %+v, %v", groups, err)
	}
	return groups[0].Instances[0]
}

// awaitSaid observes until what the instance has said is as ok says.
func awaitSaid(t testing.TB, d *process.Driver, what string, ok func(slipway.Said) bool) slipway.Said {
	t.Helper()
	var last *slipway.Said
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		if last = observe(t, d).Said; last != nil && ok(*last) {
			return *last
		}
	}
	t.Fatalf("not %s: %+v", what, last)
	panic("unreachable")
}

func say(t testing.TB, i slipway.InstanceStatus, lines string) {
	t.Helper()
	get(t, i, "/print?last="+url.QueryEscape(lines))
}

func TestWhatAnInstanceSaysIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	say(t, i, `level=ERROR msg="order 12 is lost"`)
	say(t, i, `{"level":"warn","msg":"slow"}`)
	say(t, i, "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: bad amount 7")
	say(t, i, `level=ERROR msg="order 13 is lost"`)
	began := time.Now()
	said := awaitSaid(t, d, "counted", func(s slipway.Said) bool { return s.Errors == 3 && s.Warnings == 1 })
	if len(said.Classes) != 2 || said.Classes[0].Title != "order 12 is lost" || said.Classes[0].Count != 2 ||
		said.Classes[1].Title != "ValueError: bad amount 7" || said.Classes[1].Count != 1 || said.Others != 0 || said.Unread != 0 {
		t.Errorf("%+v", said)
	}
	if c := said.Classes[0]; c.First.After(c.Last) || time.Since(c.First) > time.Since(began)+10*time.Second {
		t.Errorf("seen from %v to %v", c.First, c.Last)
	}
	for _, i := range all(t, d) {
		if i.Said != nil {
			t.Error("whoever looks at everything is told what each has said")
		}
	}

	// A panic ends the process, and what it said counts on.
	get(t, i, "/panic")
	i = await(t, d, "started again", func(i slipway.InstanceStatus) bool { return ready(i) && i.Restarts == 1 })
	after := awaitSaid(t, d, "counted on", func(s slipway.Said) bool { return s.Errors == 4 })
	if after.Counter != said.Counter || len(after.Classes) != 3 || !strings.HasPrefix(after.Classes[2].Title, "panic: nobody at table ") {
		t.Errorf("%+v", after)
	}

	// Nor does a shim that is killed lose or double any.
	shim := w.shim(i)
	kill(t, shim, syscall.SIGSTOP)
	say(t, i, "ERROR: while nobody listens\nWARNING: either")
	kill(t, shim, syscall.SIGKILL)
	say(t, i, "ERROR: while nobody is there")
	after = awaitSaid(t, d, "counted by the next", func(s slipway.Said) bool { return s.Errors == 6 && s.Warnings == 2 })
	if after.Counter != said.Counter || len(after.Classes) != 5 || w.shim(i) == shim {
		t.Errorf("%+v", after)
	}
}

func TestWhoSaysNothingHasSaidSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.start()
	apply(t, d, w.group(1, func(g *slipway.GroupSpec) {
		g.Revision.Kind, g.Revision.Run.Command, g.Revision.Health = slipway.Worker, []string{"/bin/idle"}, slipway.Health{}
	}))
	awaitSaid(t, d, "quiet", func(s slipway.Said) bool { return s.Counter != "" && s.Errors+s.Warnings+s.Unread == 0 })
}

func TestSecretsAreInNoTitle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secrets = open
	d, i := w.serve(wanting)
	for _, form := range []string{
		"before=ERROR:+denied+to+", "before=ERROR:+denied+to+%22&after=%22",
		"before=" + url.QueryEscape(`{"level":"error","msg":"denied to `) + "&after=" + url.QueryEscape(`"}`),
		"before=" + url.QueryEscape("Traceback (most recent call last):\n  File x\nValueError: "),
		"before=" + url.QueryEscape("a.DeniedException: ") + "&after=" + url.QueryEscape("\n\tat a.b(c.java:1)"),
		"before=" + url.QueryEscape("panic: ") + "&after=" + url.QueryEscape("\n\ngoroutine 1 [running]:"),
	} {
		get(t, i, "/token?"+form)
	}
	escaped := ""
	for _, c := range hunter + " TOKEN" {
		escaped += fmt.Sprintf(`\u%04x`, c)
	}
	say(t, i, `{"level":"error","msg":"escaped: `+escaped+`"}`)
	cut := strings.Repeat("x", 16<<10-len("ERROR: ")-12)
	say(t, i, "ERROR: "+cut+hunter+" TOKEN")
	said := awaitSaid(t, d, "counted", func(s slipway.Said) bool { return s.Errors == 8 })
	b, err := json.Marshal(said)
	if err != nil || strings.Contains(string(b), hunter[:6]) || strings.Count(string(b), "[REDACTED]") < 6 {
		t.Errorf("%s, %v", b, err)
	}
	file := filepath.Join(w.dir, "instances", string(i.ID), "out.said")
	if b, err := os.ReadFile(file); err != nil || strings.Contains(string(b), hunter[:6]) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestWhoPrintsTooMuchIsNotHeldUp: what comes faster than it is looked at is
// skipped, and the newest is not.
func TestWhoPrintsTooMuchIsNotHeldUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	shim := w.shim(i)
	kill(t, shim, syscall.SIGSTOP) // as one that gets no processor
	for range 4 {
		get(t, i, fmt.Sprintf("/print?bytes=%d&last=ERROR:+once", 6<<20))
	}
	kill(t, shim, syscall.SIGCONT)
	say(t, i, "ERROR: at last")
	said := awaitSaid(t, d, "there", func(s slipway.Said) bool {
		return len(s.Classes) > 0 && s.Classes[len(s.Classes)-1].Title == "at last"
	})
	if said.Unread < 8<<20 || said.Unread > 24<<20 || said.Errors < 2 {
		t.Errorf("%+v", said)
	}
}

// TestAnInstanceFromBefore: a shim of an earlier version has counted nothing, and
// what was printed under it is no news.
func TestAnInstanceFromBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, i := w.serve()
	say(t, i, "ERROR: of old")
	before := awaitSaid(t, d, "counted", func(s slipway.Said) bool { return s.Errors == 1 })
	shim := w.shim(i)
	kill(t, shim, syscall.SIGSTOP)
	if err := os.Remove(filepath.Join(w.dir, "instances", string(i.ID), "out.said")); err != nil {
		t.Fatal(err)
	}
	kill(t, shim, syscall.SIGKILL)
	await(t, d, "adopted", func(i slipway.InstanceStatus) bool { return w.shim(i) != shim && ready(i) && i.Why == "" })
	say(t, i, "ERROR: new")
	after := awaitSaid(t, d, "counted anew", func(s slipway.Said) bool { return s.Counter != before.Counter && s.Errors > 0 })
	if after.Errors != 1 || after.Classes[0].Title != "new" {
		t.Errorf("%+v", after)
	}
}
