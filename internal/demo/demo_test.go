package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/examples"
)

// stage is a play whose slipway command does nothing but succeed.
func stage(t *testing.T, in string) (*play, *strings.Builder) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "slipway")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\necho \"did: $1 $2\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	return &play{Options: Options{Exe: exe, In: strings.NewReader(in), Out: &out}, teller: &teller{out: &out}, dir: t.TempDir()}, &out
}

func TestRepositoriesOfTheExampleBuildOffline(t *testing.T) {
	p, _ := stage(t, "")
	for _, name := range append([]string{examples.Scripts}, services...) {
		if err := p.makeRepository(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	modules, err := os.ReadFile(filepath.Join(p.repository("frontend"), ".gitmodules"))
	if err != nil || !strings.Contains(string(modules), "url = ../build-scripts.git") {
		t.Errorf("the submodule is not relative: %v\n%s", err, modules)
	}
	for _, name := range services {
		dir := p.repository(name)
		if out, err := p.gitCommand(t.Context(), name, "status", "--porcelain").Output(); err != nil || len(out) > 0 {
			t.Errorf("%s is not all committed: %v\n%s", name, err, out)
		}
		for _, file := range []string{".buildkite/pipeline.yml", "slipway.yaml", "go.mod"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", "build/", ".")
		build.Dir = dir
		build.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if info, err := os.Stat(filepath.Join(p.repository("frontend"), "ci", "bin", "deploy")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("the scripts cannot be run: %v", err)
	}
}

func TestEditsOfTheDemoMeetTheExample(t *testing.T) {
	p, _ := stage(t, "")
	if err := examples.Copy(changed, p.repository(changed)); err != nil {
		t.Fatal(err)
	}
	for text, file := range map[string]string{
		goodOld: "main.go", badOld: "slipway.yaml", longOld: "slipway.yaml", importOld: "thoughts.go", askedOld: "thoughts.go", subtleOld: "thoughts.go",
	} {
		if err := p.edit(changed, file, text, "x"); err != nil {
			t.Error(err)
		}
	}
	if err := p.edit(changed, "main.go", "not there", ""); err == nil {
		t.Error("an edit that changes nothing is not told")
	}
}

func TestAPersonIsAskedBeforeProduction(t *testing.T) {
	for _, tt := range []struct {
		answer string
		yes    bool
		want   string // of the error
	}{
		{answer: "\n"},
		{answer: "Y\n"},
		{answer: "n\n", want: "you said no"},
		{answer: "", want: "nobody answered"},
		{answer: "", yes: true},
	} {
		p, out := stage(t, tt.answer)
		p.Yes = tt.yes
		err := p.unblock(t.Context(), "frontend", 1)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("answer %q: %v, want %q", tt.answer, err, tt.want)
		}
		if asked := strings.Contains(out.String(), "Deploy frontend to production?"); asked == tt.yes {
			t.Errorf("answer %q: asked %v", tt.answer, asked)
		}
		if did := strings.Contains(out.String(), "did: unblock frontend/1"); did != (tt.want == "") {
			t.Errorf("answer %q: unblocked %v", tt.answer, did)
		}
	}
}

func TestJSONHasTheFieldsThatScriptsRead(t *testing.T) {
	p, out := stage(t, "")
	r := Result{Builds: 5, Deployments: []Deployment{{Service: "frontend", Environment: "prod", Release: 1, Outcome: "succeeded"}}, ServerPeakMB: 61.5}
	if err := p.json(r); err != nil {
		t.Fatal(err)
	}
	want := `{"builds":5,"deployments":[{"service":"frontend","environment":"prod","release":1,"outcome":"succeeded"}],` +
		`"requests":0,"lost":0,"wrong":0,"not_sent":0,"refused":0,"rolled_back":0,"server_kills":0,"server_peak_rss_mb":61.5,"seconds":0}` + "\n"
	if out.String() != want || !json.Valid([]byte(out.String())) {
		t.Errorf("got  %s\nwant %s", out, want)
	}
}

func TestFailureKeepsTheLogsAndRemovesTheRest(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	exe := filepath.Join(t.TempDir(), "slipway") // comes up with a log, and then cannot go on
	script := `#!/bin/sh
case "$*" in
*down*) exit 4 ;;
*up*) for last; do :; done; mkdir -p "$last/logs"; echo "out of luck" >"$last/logs/server.log"; exit 1 ;;
esac
`
	if err := os.WriteFile(exe, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err := Run(context.Background(), Options{Exe: exe, Yes: true, Out: &out})
	if err == nil {
		t.Fatal("a demo without a Slipway went well")
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "slipway-demo-*"))
	if len(left) != 1 || !strings.Contains(err.Error(), left[0]) {
		t.Fatalf("left %q, error: %v", left, err)
	}
	text, err := os.ReadFile(filepath.Join(left[0], "logs", "server.log"))
	if err != nil || string(text) != "out of luck\n" {
		t.Errorf("the log: %q %v", text, err)
	}
}

func TestInterruptionLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	exe := filepath.Join(t.TempDir(), "slipway")
	if err := os.WriteFile(exe, []byte("#!/bin/sh\nfor last; do :; done; mkdir -p \"$last/logs\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := Run(ctx, Options{Exe: exe, Yes: true, Out: io.Discard})
	if left, _ := os.ReadDir(os.TempDir()); !errors.Is(err, context.Canceled) || len(left) > 0 {
		t.Errorf("%v, left %v", err, left)
	}
}

func TestLinesAreWholeAndIndented(t *testing.T) {
	var out strings.Builder
	l := &lines{t: &teller{out: &out}}
	for _, part := range []string{"remote: one", "  \nremote: two\r", "\nthree"} {
		_, _ = l.Write([]byte(part))
	}
	l.flush()
	if want := "   remote: one\n   remote: two\n   three\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestMemoryIsThePeak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc here")
	}
	m := watchMemory(os.Getpid)
	ballast := slices.Repeat([]byte{1}, 64<<20)
	m.stop()
	m.stop() // twice is harmless
	if peak := watchMemoryOnce(); peak < 64 {
		t.Errorf("a process with %d MB reached %.1f MB", len(ballast)>>20, peak)
	}
	if peakOf(0) != 0 || peakOf(-1) != 0 {
		t.Error("a process that is not there has memory")
	}
}

func watchMemoryOnce() float64 {
	m := watchMemory(os.Getpid)
	m.stop()
	return m.megabytes()
}

func TestFreePorts(t *testing.T) {
	base, err := freePorts(12)
	if err != nil || !allFree(base, 12) {
		t.Errorf("%d: %v", base, err)
	}
	if port, err := freePort(); err != nil || !allFree(port, 1) {
		t.Errorf("%d: %v", port, err)
	}
}
