package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// fugitive starts a process that has nothing of its job: not its session, not
// its environment, and no living parent; and says its number.
const fugitive = `
mkfifo said; (env -i setsid bash -c 'trap "" TERM HUP; echo $$; exec sleep 66' > said &); read pid < said; echo "pid $pid"
`

// record keeps what an agent logs.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// recorded has an agent log to r, too.
func recorded(r *record) func(*Agent) {
	return func(a *Agent) { a.Logger = slog.New(slog.NewTextHandler(r, nil)) }
}

// grouped reports whether jobs have control groups here. Where they have not,
// the agent must have said so once, and why.
func grouped(t *testing.T, r *record) bool {
	t.Helper()
	_, err := cgroup.Own()
	said := strings.Count(r.String(), "jobs have no control groups")
	if err == nil && said != 0 || err != nil && (said != 1 || !strings.Contains(r.String(), err.Error())) {
		t.Errorf("groups: %v; the agent said: %s", err, r)
	}
	return err == nil
}

func (w *world) group(t *testing.T) cgroup.Group {
	t.Helper()
	b, err := os.ReadFile(w.agent.path(enclosed))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return cgroup.Group(b)
}

func TestNothingEscapesAKilledGuard(t *testing.T) {
	var said record
	w := newWorld(t, recorded(&said)).start(t)
	for _, tc := range []struct{ name, then, reason string }{
		{"ended", "kill -9 $PPID; sleep 67", ""},
		{"cancelled", "echo up; sleep 0.2; kill -9 $PPID; sleep 68", "cancel"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := w.add("app", w.commit, fugitive+"echo ready; until [ -e go ]; do sleep 0.01; done\n"+tc.then)
			job := w.says(id, "\nready\n")
			running := pids(t, job.log)
			group := w.group(t)
			touch(t, w.agent.path("checkout", "app", "go"))
			if tc.reason == "cancel" {
				w.says(id, "\nup\n")
				w.change(id, func(j *fakeJob) { j.state = "canceling" })
			}
			if f := w.ended(id).finished; f.ExitStatus != "-1" {
				t.Errorf("finished as %+v", f)
			}
			if !grouped(t, &said) {
				_ = syscall.Kill(running[0], syscall.SIGKILL)
				return
			}
			gone(t, running[0])
			if group == "" || group.Exists() || w.group(t) != "" {
				t.Errorf("it was in %q, which exists %t; written down is %q", group, group.Exists(), w.group(t))
			}
		})
	}
}

// An agent that was killed together with its guard leaves a job to the next.
func TestTheNextAgentEndsWhatIsLeft(t *testing.T) {
	var said record
	w := newWorld(t, recorded(&said))
	home, homeless := cgroup.Own()
	w.agent.home = home
	group, err := w.agent.enclose()
	if err != nil {
		t.Fatal(err)
	}
	sys := &syscall.SysProcAttr{Setsid: true}
	var left *exec.Cmd
	if outside, err := group.Start(sys, func() error {
		left = exec.Command("sleep", "69")
		left.SysProcAttr = sys
		return left.Start()
	}); outside != nil || err != nil {
		t.Fatalf("outside: %v, %v", outside, err)
	}
	if homeless != nil {
		_ = left.Process.Kill()
	}
	w.start(t)
	w.ended(w.add("app", w.commit, "true"))
	_ = left.Wait() // does not end by itself before the test does
	if grouped(t, &said); group.Exists() || w.group(t) != "" {
		t.Errorf("%s exists %t; written down is %q", group, group.Exists(), w.group(t))
	}
}

// Everything else works where groups cannot be made, which is said once.
func TestWithoutGroups(t *testing.T) {
	var said record
	w := newWorld(t, recorded(&said), func(a *Agent) {
		a.findHome = func() (cgroup.Home, error) { return cgroup.Home{}, errors.New("/sys/fs/cgroup is read-only") }
	}).start(t)
	for range 2 {
		job := w.ended(w.add("app", w.commit, fugitive+"echo done"))
		if job.finished.ExitStatus != "0" || w.group(t) != "" {
			t.Errorf("finished as %+v in %q", job.finished, w.group(t))
		}
		gone(t, pids(t, job.log)[0]) // its guard lives
	}
	if log := said.String(); strings.Count(log, "jobs have no control groups") != 1 || !strings.Contains(log, "/sys/fs/cgroup is read-only") {
		t.Errorf("the agent said: %s", log)
	}
}

// A group that is refused keeps no command from running, and is named.
func TestRefusedGroup(t *testing.T) {
	var said record
	w := newWorld(t, recorded(&said))
	g := guard(t, w.agent.path("slipway-none"), "true")
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if o, err := w.agent.result(g.status, nil); err != nil || o != (outcome{}) || !strings.Contains(said.String(), "a job ran in no control group of its own") {
		t.Errorf("%+v, %v; the agent said: %s", o, err, &said)
	}
}
