package agent

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func touch(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tree starts a child, a grandchild in a session of its own that nobody is the
// parent of, and says their process numbers.
const tree = `
echo "pid $$"
sleep 61 & echo "pid $!"
(setsid bash -c 'trap "" TERM HUP; echo "pid $$"; exec sleep 62' &)
sleep 0.1
`

func TestNothingIsLeftBehind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who descends from whom")
	}
	w := newWorld(t).start(t)
	stop := func(id string) { w.change(id, func(j *fakeJob) { j.state = "canceling" }) }
	for _, tc := range []struct {
		name, command, env string
		during             func(id string)
		status, reason     string
		says               string
	}{
		{name: "ended", command: tree + "exit 3", status: "3"},
		{name: "ended with no environment", command: "env -i bash -c 'setsid sleep 63 & echo pid $!'", status: "0"},
		{name: "cancelled", command: tree + "echo up; sleep 64", during: stop, status: "-1", reason: "cancel", says: "it was cancelled"},
		{
			name: "timed out by the server", command: tree + "echo up; sleep 1; echo late; sleep 65", env: "BUILDKITE_TIMEOUT=0.001",
			during: stop, status: "-1", reason: "timeout", says: "it did not end within 60ms",
		},
		{
			name: "cancelled, but ends well", command: "trap 'echo cleaned; exit 0' TERM; echo up; while true; do sleep 0.01; done",
			during: stop, status: "-1", reason: "cancel", says: "cleaned",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := []string{}
			if tc.env != "" {
				env = append(env, tc.env)
			}
			id := w.add("app", w.commit, tc.command, env...)
			if tc.during != nil {
				w.says(id, "\nup\n")
				tc.during(id)
			}
			job := w.ended(id)
			if f := job.finished; f.ExitStatus != tc.status || f.SignalReason != tc.reason {
				t.Errorf("finished as %+v", f)
			}
			if !strings.Contains(string(job.log), tc.says) {
				t.Errorf("log %s", job.log)
			}
			for _, pid := range pids(t, job.log) {
				gone(t, pid)
			}
		})
	}
}

func TestAgentEndsAJobThatTheServerForgets(t *testing.T) {
	w := newWorld(t, func(a *Agent) { a.overtime = 0 }).start(t)
	job := w.ended(w.add("app", w.commit, tree+"sleep 65", "BUILDKITE_TIMEOUT=0.02"))
	if f := job.finished; f.ExitStatus != "-1" || f.SignalReason != "timeout" || !strings.Contains(string(job.log), "it did not end within 1.2s") {
		t.Errorf("finished as %+v: %s", f, job.log)
	}
	for _, pid := range pids(t, job.log) {
		gone(t, pid)
	}
}

func TestAgentThatIsToldToStopNow(t *testing.T) {
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, tree+"echo up; sleep 66")
	job := w.says(id, "\nup\n")
	w.cancel()
	if err := <-w.over; err != nil {
		t.Error(err)
	}
	w.over <- nil
	if f := w.ended(id).finished; f.ExitStatus != "-1" || f.SignalReason != "agent_stop" {
		t.Errorf("finished as %+v", f)
	}
	for _, pid := range pids(t, job.log) {
		gone(t, pid)
	}
}

// guarded is a command with a guard, which has no agent.
type guarded struct {
	*exec.Cmd
	control io.Closer
	out     io.Reader
	status  *os.File
}

func guard(t *testing.T, group string, argv ...string) guarded {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, append([]string{GuardCommand, group, "--"}, argv...)...)
	control, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, status, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	cmd.ExtraFiles = []*os.File{status}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = status.Close()
	return guarded{cmd, control, out, r}
}

func TestGuardOutlivesNoAgent(t *testing.T) {
	g := guard(t, "", "bash", "-c", tree+"echo up; sleep 67")
	var log []byte
	for lines := bufio.NewScanner(g.out); lines.Scan() && lines.Text() != "up"; {
		log = append(log, lines.Text()+"\n"...)
	}
	_ = g.control.Close() // as when the agent dies
	said, err := io.ReadAll(g.status)
	if err != nil || string(said) != "signal SIGKILL" {
		t.Errorf("status %q, %v", said, err)
	}
	_ = g.Wait()
	for _, pid := range pids(t, log) {
		gone(t, pid)
	}
}

func TestGuardIsForAgents(t *testing.T) {
	if code := Guard(nil); code != 2 {
		t.Errorf("exit %d", code)
	}
}

func TestKilledGuardDoesNotHangTheAgent(t *testing.T) {
	w := newWorld(t).start(t)
	began := time.Now()
	job := w.ended(w.add("app", w.commit, `kill -9 $PPID; sleep 0.2`))
	if f := job.finished; f.ExitStatus != "-1" || f.Signal != "SIGKILL" || time.Since(began) > 30*time.Second {
		t.Errorf("after %v finished as %+v", time.Since(began), f)
	}
}

func TestEnvironmentIsExact(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what environment a process has")
	}
	w := newWorld(t).start(t)
	id := w.add("app", w.commit, `tr '\0' '\n' < /proc/$$/environ | sort; command -v slipway buildkite-agent`, "DEPLOYMENT_ENV=test", "BUILDKITE_MESSAGE=two\nlines $(id)")
	job := w.ended(id)
	_, got, _ := strings.Cut(string(job.log), "sort; command -v slipway buildkite-agent\n")
	bin, checkout := filepath.Join(w.agent.Dir, "bin"), filepath.Join(w.agent.Dir, "checkout", "app")
	inherited := map[string]string{}
	for _, kv := range w.agent.Env {
		name, value, _ := strings.Cut(kv, "=")
		inherited[name] = value
	}
	want := strings.Join([]string{
		"BUILDKITE_AGENT_ACCESS_TOKEN=[REDACTED]",
		"BUILDKITE_AGENT_ENDPOINT=" + w.URL + "/agent/v3",
		"BUILDKITE_AGENT_ID=agent-1",
		"BUILDKITE_AGENT_META_DATA_QUEUE=test",
		"BUILDKITE_AGENT_NAME=test-1",
		"BUILDKITE_BRANCH=master",
		"BUILDKITE_BUILD_CHECKOUT_PATH=" + checkout,
		"BUILDKITE_COMMAND=" + job.Env["BUILDKITE_COMMAND"],
		"BUILDKITE_COMMIT=" + w.commit,
		"BUILDKITE_JOB_ID=" + id,
		"BUILDKITE_MESSAGE=two",
		"BUILDKITE_REPO=" + w.URL + "/git/app.git",
		"DEPLOYMENT_ENV=test",
		"GOCACHE=/cache",
		"GOFLAGS=-mod=mod",
		"HOME=/home/mei",
		"LANG=C.UTF-8",
		"PATH=" + bin + ":" + inherited["PATH"],
		"TMPDIR=" + inherited["TMPDIR"],
		"lines $(id)",
		filepath.Join(bin, "slipway"),
		filepath.Join(bin, "buildkite-agent"),
	}, "\n") + "\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	w := newWorld(t).start(t)
	job := w.ended(w.add("app", w.commit, `
t=$BUILDKITE_AGENT_ACCESS_TOKEN
printf 'a %s' "${t:0:9}"; sleep 0.3; printf '%s b\n' "${t:9}"
echo "password $DB_PASSWORD"`, "DB_PASSWORD=correct horse"))
	if !strings.HasSuffix(string(job.log), "a [REDACTED] b\npassword [REDACTED]\n") || strings.Contains(string(job.log), job.Token) {
		t.Errorf("log %s", job.log)
	}
}
