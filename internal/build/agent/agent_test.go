package agent

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

func TestRunsJobs(t *testing.T) {
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, "cat README\nls -A\necho oops >&2\necho done")
	job := w.ended(id)
	want := "~~~ Checkout " + w.commit[:7] + "\n+++ cat README\nhello\n.git\nREADME\noops\ndone\n"
	if string(job.log) != want {
		t.Errorf("log %q\nwant %q", job.log, want)
	}
	if f := job.finished; f.ExitStatus != "0" || f.Signal != "" || f.SignalReason != "" || f.FinishedAt == "" || f.ChunksFailedCount != 0 {
		t.Errorf("finished as %+v", f)
	}
	// The next one at once: the ping is held open.
	asked := time.Now()
	second := w.ended(w.add("app", w.commit, "true"))
	t.Logf("a job started %v after it was ready", second.started.Sub(asked))
	if w.registers[0].Name != "test-1" || w.registers[0].Tags[0] != "queue=test" {
		t.Errorf("registered as %+v", w.registers[0])
	}
	w.agent.Stop()
	w.over <- <-w.over // it has cleaned up
	if left := entries(t, w.agent.Dir); strings.Join(left, " ") != "bin" {
		t.Errorf("left behind: %v", left)
	}
}

func TestHowItEnds(t *testing.T) {
	w := newWorld(t).start(t)
	for _, tc := range []struct{ name, command, status, signal string }{
		{"well", "true", "0", ""},
		{"a status", "exit 7", "7", ""},
		{"any command fails", "false\necho not reached", "1", ""},
		{"in a pipe", "false | true", "1", ""},
		{"a variable that is not set", `echo "$NOT_SET"`, "1", ""},
		{"a command that is not there", "no-such-command", "127", ""},
		{"a signal", "kill -9 $$", "-1", "SIGKILL"},
		{"no input", "read line", "1", ""},
	} {
		job := w.ended(w.add("app", w.commit, tc.command))
		if f := job.finished; f.ExitStatus != tc.status || f.Signal != tc.signal || f.SignalReason != "" {
			t.Errorf("%s: finished as %+v", tc.name, f)
		}
		if strings.Contains(string(job.log), "not reached") {
			t.Errorf("%s: went on: %s", tc.name, job.log)
		}
	}
}

func TestLogArrivesWhileTheJobRuns(t *testing.T) {
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, "echo first; until [ -e go ]; do sleep 0.01; done; echo last")
	w.says(id, "first")
	touch(t, w.agent.path("checkout", "app", "go"))
	if job := w.ended(id); !strings.HasSuffix(string(job.log), "first\nlast\n") {
		t.Errorf("log %q", job.log)
	}
}

func TestServerAwayForAWhile(t *testing.T) {
	w := newWorld(t, func(a *Agent) { a.silence = time.Minute }).start(t)
	id := w.add("app", w.commit, "for i in $(seq 1 60); do seq $((i * 1000)) $((i * 1000 + 999)); sleep 0.02; done")
	w.says(id, "1234\n")
	w.away.Store(true)
	time.Sleep(1500 * time.Millisecond)
	w.away.Store(false)
	job := w.ended(id)
	var want strings.Builder
	fmt.Fprintf(&want, "~~~ Checkout %s\n+++ %s\n", w.commit[:7], job.Env["BUILDKITE_COMMAND"])
	for i := 1000; i < 61_000; i++ {
		fmt.Fprintln(&want, i)
	}
	if got, want := sha256.Sum256(job.log), sha256.Sum256([]byte(want.String())); got != want {
		t.Errorf("the log has %d bytes and another digest than what was written", len(job.log))
	}
	if w.registered() != 1 || job.finished.ExitStatus != "0" {
		t.Errorf("%d registrations, finished as %+v", w.registered(), job.finished)
	}
}

func TestLostAttemptIsKilledBeforeItsLeaseEnds(t *testing.T) {
	const silence = 2 * time.Second
	w := newWorld(t, func(a *Agent) { a.silence = silence }).start(t)
	id := w.add("app", w.commit, `trap "" TERM; echo "pid $$"; while true; do sleep 1; done`)
	job := w.says(id, "\npid ")
	w.away.Store(true)
	cut := time.Now()
	gone(t, pids(t, job.log)[0])
	if after := time.Since(cut); after < silence/2 || after > silence+5*time.Second {
		t.Errorf("killed after %v", after)
	}
	w.away.Store(false)
	other := w.ended(w.add("app", w.commit, "true")) // the agent goes on, under a new registration
	if w.registered() != 2 || other.finished.ExitStatus != "0" {
		t.Errorf("%d registrations, finished as %+v", w.registered(), other.finished)
	}
	if job := w.until(id, "left alone", func(*fakeJob) bool { return true }); job.finished != nil {
		t.Errorf("a lost attempt was finished: %+v", job.finished)
	}
}

func TestAttemptThatIsOverIsKilled(t *testing.T) {
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, `echo "pid $$"; sleep 60`)
	job := w.says(id, "\npid ")
	w.change(id, func(j *fakeJob) { j.gone = true })
	gone(t, pids(t, job.log)[0])
	w.ended(w.add("app", w.commit, "true"))
}

func TestServerThatIsNotThereYet(t *testing.T) {
	w := newWorld(t)
	w.away.Store(true)
	w.start(t)
	id := w.add("app", w.commit, "true")
	time.Sleep(300 * time.Millisecond)
	w.away.Store(false)
	w.ended(id)
}

func TestRefused(t *testing.T) {
	w := newWorld(t, func(a *Agent) { a.Token = "sla_of-nobody" }).start(t)
	if err := <-w.over; slipway.CodeOf(err) != slipway.Forbidden || !strings.Contains(err.Error(), "no such token") {
		t.Errorf("error %v", err)
	}
	for _, c := range []Config{{Queue: "test"}, {Servers: []string{"nowhere"}, Queue: "test"}, {Servers: []string{"http://a", "http://a:b@c"}, Queue: "test"}, {Servers: []string{"http://a"}, Queue: "Te st"}} {
		if _, err := New(c); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestStop(t *testing.T) {
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, "echo begun; sleep 0.3; echo ended")
	w.says(id, "begun")
	w.agent.Stop()
	next := w.add("app", w.commit, "true")
	if err := <-w.over; err != nil {
		t.Error(err)
	}
	w.over <- nil
	if job := w.ended(id); job.finished.ExitStatus != "0" || !strings.Contains(string(job.log), "ended\n") {
		t.Errorf("finished as %+v: %s", job.finished, job.log)
	}
	if job := w.until(next, "left alone", func(*fakeJob) bool { return true }); job.state != "" {
		t.Errorf("the next job is %s", job.state)
	}
	if w.calls["POST /agent/v3/disconnect"] != 1 {
		t.Error("it did not say good-bye")
	}
}

func TestLogIsBounded(t *testing.T) {
	s, err := newSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.discard()
	out := newOutput(s, nil, func(err error) { t.Error(err) })
	line := []byte(strings.Repeat("x", 1<<20))
	for range slipway.MaxLogBytes>>20 + 2 {
		if n, err := out.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	out.Close()
	const note = "\n~~~ The log is longer than 64 MiB; the rest is dropped.\n"
	if size, _ := s.state(); size != slipway.MaxLogBytes+int64(len(note)) {
		t.Errorf("%d bytes", size)
	}
}
