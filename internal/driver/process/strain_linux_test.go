package process

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spin starts a process that never rests, on the first processor we may use.
func spin(t *testing.T) int {
	t.Helper()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := unix.SchedSetaffinity(cmd.Process.Pid, &one); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

func TestWhoGetsNoProcessorIsNotToBlame(t *testing.T) {
	const within = 400 * time.Millisecond
	over := func(pid int) bool {
		s := feel(within, func() int { return pid })
		time.Sleep(within)
		return s.end()
	}
	idle := exec.CommandContext(t.Context(), "/bin/sleep", "60")
	if err := idle.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idle.Process.Kill(); _ = idle.Wait() })
	if over(idle.Process.Pid) {
		t.Error("a process that sleeps is excused")
	}
	var one int
	for range 5 { // a fifth of a processor each
		one = spin(t)
	}
	if !over(one) {
		t.Error("a process that waits for a processor most of the time is blamed")
	}
	if over(-1) {
		t.Error("a process that is not there is excused")
	}
}

func TestWhoIsLateHimselfBlamesNobody(t *testing.T) {
	s := feel(20*time.Millisecond, func() int { return -1 })
	time.Sleep(50 * time.Millisecond)
	if !s.end() {
		t.Error("a prober that did not run for as long blames who did not answer")
	}
}

func TestExcusesEnd(t *testing.T) {
	var n tally
	for range mostExcused {
		n.add(false, true)
	}
	if n.failed != 0 {
		t.Errorf("%d of the excused count", n.failed)
	}
	if n.add(false, true); n.failed != 1 {
		t.Error("excuses are without end")
	}
	if n.add(true, false); n != (tally{}) {
		t.Errorf("after an answer: %+v", n)
	}
}
