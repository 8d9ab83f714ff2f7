package faults_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// TestReboot ends everything at once, as a power cut does, and starts it in what
// looks like another boot of the machine, where the number of an instance is
// somebody else's, and for a while the ports of all are too. Nobody is sent
// there, the same serves again, and nobody else is touched.
func TestReboot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make another boot of the machine")
	}
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	for n := range times(3) {
		before := w.Instances()
		target, err := w.Client.Target(w.Context(), "gauge", "test")
		w.must(err)
		var others []*impostor
		for _, i := range target.Instances {
			others = append(others, w.impostor(i.Address))
		}
		w.powerCut()
		bystander := w.withNumber(before[0].PID)
		for _, p := range others {
			p.awaits()
		}
		w.reboot(n)
		w.nobodyServes(time.Second)
		for _, p := range others {
			p.leaves()
		}
		w.owned(3)
		w.pressFor(2 * time.Second)
		if bystander != nil && !bystander.Alive() {
			t.Errorf("process %d was ended, which had the number of an instance before", bystander.PID)
		}
		w.deploy("gauge", 2-n%2)
		w.owned(3)
	}
	w.note("%d boots", times(3))
}

// nobodyServes wants the router to say so for a while, and nobody to count as
// ready.
func (w *world) nobodyServes(d time.Duration) {
	w.Helper()
	url := w.url("gauge")
	w.eventually(10*time.Second, func() error { return dials(strings.TrimPrefix(url, "http://")) })
	client := &http.Client{Timeout: 5 * time.Second}
	for end := time.Now().Add(d); time.Now().Before(end); sleep(10 * time.Millisecond) {
		res, err := client.Get(url)
		w.must(err)
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusServiceUnavailable {
			w.Errorf("%s, while no instance can be there", res.Status)
		}
		if target, err := w.Client.Target(w.Context(), "gauge", "test"); err != nil || target.Ready != 0 {
			w.Errorf("%d are ready, while none can be: %v", target.Ready, err)
		}
	}
}

// TestMove moves the data directory while instances serve from it.
func TestMove(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge"}, yard.Version{Service: "gauge"})
	w.deploy("gauge", 1)
	w.leave()
	if n := len(w.Instances()); n != 3 {
		t.Errorf("%d instances serve on", n)
	}
	w.move()
	w.must(w.Up(t.Context()))
	w.owned(3)
	w.pressFor(time.Second)
	w.deploy("gauge", 2)
	w.owned(3)
	w.note("moved")
}

// powerCut kills every process of the installation, and what it starts meanwhile.
func (w *world) powerCut() {
	w.Helper()
	w.eventually(10*time.Second, func() error {
		all := w.All()
		for _, p := range all { // nobody sees another die
			_ = p.Stop()
		}
		for _, p := range all {
			_ = p.Kill()
		}
		if left := w.All(); len(left) > 0 {
			return &leftover{left}
		}
		return nil
	})
}

type leftover struct{ all []yard.Process }

func (l *leftover) Error() string { return "processes are left" }

// reboot starts it with another boot ID.
func (w *world) reboot(n int) {
	w.Helper()
	w.must(w.Boot(fmt.Sprintf("00000000-0000-4000-8000-%012d", n)))
	w.must(w.Up(w.Context()))
}

// withNumber starts a bystander that has a process number, or nil when the
// kernel has given it to another.
func (w *world) withNumber(pid int) *yard.Process {
	for range 50 {
		if os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o600) != nil {
			return nil
		}
		cmd := exec.Command("sleep", "300")
		if cmd.Start() != nil {
			return nil
		}
		go func() { _ = cmd.Wait() }()
		p, err := yard.ProcessOf(cmd.Process.Pid)
		if err == nil && p.PID == pid {
			w.Cleanup(func() { p.End(0) })
			return &p
		}
		p.End(0)
		if _, err := yard.ProcessOf(pid); err == nil {
			return nil // somebody has it
		}
	}
	return nil
}

// pressFor loads for a while, and stops.
func (w *world) pressFor(d time.Duration) {
	w.Helper()
	w.eventually(10*time.Second, func() error { return dials(strings.TrimPrefix(w.url("gauge"), "http://")) })
	l := w.press("gauge")
	sleep(d)
	l.Stop()
}

// leave ends `slipway up` so that router and instances serve on.
func (w *world) leave() {
	w.Helper()
	w.must(w.Leave())
}

// move gives the data directory another name.
func (w *world) move() {
	w.Helper()
	to := strings.TrimSuffix(w.Data, "data") + "moved"
	w.must(os.Rename(w.Data, to))
	w.Data = to
}
