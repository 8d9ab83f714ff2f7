package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway/api"
)

func TestExitCodesAndErrors(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /api/v1/deployments", func(w http.ResponseWriter, r *http.Request) {
		var d api.CreateDeployment
		_ = json.NewDecoder(r.Body).Decode(&d)
		switch d.Environment {
		case "production":
			problem(w, 404, "not_found", `no environment "production"; there are test, prod.`)
		case "prod":
			problem(w, 403, "forbidden", "mei may not deploy to prod")
		default:
			problem(w, 409, "conflict", "a deployment moves it\nwait for it")
		}
	})
	f.gives("board", api.Board{Services: []api.BoardService{{Name: "search"}}})
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"statu", 2, `slipway: there is no command "slipway statu"` + "\n" + `did you mean "slipway status"?` + "\n"},
		{"zzz", 2, "slipway: there is no command \"slipway zzz\"\nsee: slipway --help\n"},
		{"user ad", 2, "slipway: there is no command \"slipway user ad\"\ndid you mean \"slipway user add\"?\n"},
		{"status --nope", 2, "slipway: slipway status: unknown flag: --nope\nsee: slipway status --help\n"},
		{"status --jsn", 2, "slipway: slipway status: unknown flag: --jsn\ndid you mean --json?\n"},
		{"role now", 2, "slipway: slipway role: too many arguments\nusage: slipway role [flags]\n"},
		{"rollback search", 2, "slipway: slipway rollback: an argument is missing\nusage: slipway rollback SERVICE ENV [flags]\n" +
			"  slipway rollback thoughts-backend prod\n  slipway rollback thoughts-backend prod --to 12\n"},
		{"rollback search prod --to x", 2, "slipway: --to must be the number of a release, not \"x\"\nsee them: slipway releases search\n"},
		{"deploy test search@0", 2, "slipway: \"search@0\" is not a release; write search@NUMBER\nsee them: slipway releases search\n"},
		{"build x", 2, "slipway: \"x\" is not a build; write REPOSITORY/NUMBER, such as thoughts-backend/12\n"},
		{"user add mei --role king", 2, "slipway: there is no role \"king\"; there are viewer, deployer, admin\n"},
		{"deploy production search", 4, "slipway: no environment \"production\"; there are test, prod.\n"},
		{"deploy prod search", 3, "slipway: mei may not deploy to prod\n"},
		{"deploy test search", 1, "slipway: a deployment moves it\nwait for it\n"},
		{"status serch", 4, "slipway: no service \"serch\"; there are search\n"},
		{"status --server http://127.0.0.1:1", 3, "slipway: no token for http://127.0.0.1:1\n"},
		{"status --token-file /nowhere", 2, "slipway: there is no token file /nowhere\n"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			out, errOut, code := run(t, strings.Fields(tt.args)...)
			if code != tt.code || !strings.HasPrefix(errOut, tt.want) || out != "" {
				t.Errorf("exit %d, want %d; out %q; error %q, want %q", code, tt.code, out, errOut, tt.want)
			}
		})
	}
	t.Setenv("SLIPWAY_URL", "http://127.0.0.1:1")
	if _, errOut, code := run(t, "status"); code != 5 || !strings.HasPrefix(errOut, "slipway: ") {
		t.Errorf("a server that is away: exit %d, %q", code, errOut)
	}
}

func TestEveryCommandHelpsWithAnExample(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		if c.Short == "" || c.Runnable() && !strings.Contains(c.Example, "  slipway") {
			t.Errorf("%s: no short help, or no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(Root(Options{}))
	out, _, code := run(t, "help", "manifest")
	if code != 0 || !strings.Contains(out, "service:") {
		t.Errorf("help manifest: exit %d\n%s", code, out)
	}
	if out, _, _ := run(t, "help", "exit-codes"); !strings.Contains(out, "5   the server cannot be reached") {
		t.Errorf("help exit-codes:\n%s", out)
	}
}

// serveDeployment lets a deployment go through states, one per look; a nil one
// is a server that is away.
func (f *fake) serveDeployment(states ...*api.Deployment) {
	var looks atomic.Int64
	f.HandleFunc("POST /api/v1/deployments", func(w http.ResponseWriter, _ *http.Request) { answer(w, states[0]) })
	f.HandleFunc("GET /api/v1/deployments/77", func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(looks.Add(1)), len(states)-1)
		if states[i] == nil {
			problem(w, 503, "unavailable", "the server restarts")
			return
		}
		answer(w, states[i])
	})
	f.HandleFunc("GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		for seq, kind := range []string{"deployment.asked", "deployment.changed", "deployment.changed", "deployment.changed", "deployment.changed"} {
			text, _ := json.Marshal(api.Event{Seq: int64(seq + 1), At: noon, Kind: kind, Deployment: 77, Text: "what happened"})
			_, _ = w.Write([]byte("data: " + string(text) + "\n\n"))
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(30 * time.Millisecond):
			}
		}
		<-r.Context().Done()
	})
}

func deploymentStates(last string) []*api.Deployment {
	asked, moving, ended := testDeployment(), testDeployment(), testDeployment()
	asked.Phase, asked.StartedAt = "pending", nil
	moving.Why = []api.Why{{At: noon, Text: "i-7f2 ready in 180 ms"}}
	ended.Why = append(moving.Why, api.Why{At: noon.Add(time.Second), Text: "i-9c4 was not ready within 5 s"})
	ended.Phase, ended.Ended, ended.FinishedAt, ended.NewReady = last, true, new(noon.Add(time.Second)), 3
	return []*api.Deployment{&asked, &moving, nil, &ended}
}

func TestDeployFollowsThroughARestartOfTheServer(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	f := newFake(t)
	f.serveDeployment(deploymentStates("succeeded")...)
	out, errOut, code := run(t, "deploy", "prod", "thoughts-backend@14")
	if code != 0 {
		t.Errorf("exit %d: %s", code, errOut)
	}
	same(t, out, `
11:59:57  thoughts-backend  prod  @13 → @14   rolling, 3 instances   (by mei, http://127.0.0.1:7070/deployments/77)
12:00:00  i-7f2 ready in 180 ms
12:00:01  i-9c4 was not ready within 5 s
✓ thoughts-backend@14 serves prod: 3 of 3 ready, after 4.0 s
`)
}

func TestDeployFailsWhenTheDeploymentDoes(t *testing.T) {
	f := newFake(t)
	f.serveDeployment(deploymentStates("failed")...)
	out, errOut, code := run(t, "deploy", "prod", "thoughts-backend")
	if code != 1 || errOut != "" || !strings.Contains(out, "✗ thoughts-backend@14 was refused in prod.") {
		t.Errorf("exit %d, %q\n%s", code, errOut, out)
	}
}

func TestDeployAsJSONIsEventsThenTheDeployment(t *testing.T) {
	f := newFake(t)
	f.serveDeployment(deploymentStates("succeeded")[0], deploymentStates("succeeded")[3])
	out, errOut, code := run(t, "deploy", "prod", "thoughts-backend", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var e api.Event
	var d api.Deployment
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || e.Kind != "deployment.asked" {
		t.Errorf("first line: %v %s", err, lines[0])
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &d); err != nil || d.Phase != "succeeded" {
		t.Errorf("last line: %v %s", err, lines[len(lines)-1])
	}
	if code != 0 || len(lines) != 3 {
		t.Errorf("exit %d, %d lines: %s", code, len(lines), errOut)
	}
}

func TestBuildAndItsLog(t *testing.T) {
	f := newFake(t)
	f.gives("builds/thoughts-backend/12", testBuild())
	f.HandleFunc("GET /api/v1/jobs/a/log", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("\x1b[31mFAIL\x1b[0m\x1b]52;c;x\x07 users_test.go\n"))
	})
	if out, _, code := run(t, "build", "thoughts-backend/12", "--log", "my tests"); code != 0 || out != "FAIL users_test.go\n" {
		t.Errorf("log: exit %d %q", code, out)
	}
	_, errOut, code := run(t, "build", "thoughts-backend/12", "--log", "o")
	if code != 4 || !strings.Contains(errOut, `has several steps "o"; there are "Run my tests", "Push docker image"`) {
		t.Errorf("ambiguous step: exit %d %q", code, errOut)
	}
	out, _, code := run(t, "build", "thoughts-backend/12", "--follow")
	if code != 0 || !strings.Contains(out, "slipway unblock thoughts-backend/12") || !strings.Contains(out, "✓ Push docker image") || strings.Contains(out, "⠼") {
		t.Errorf("follow: exit %d\n%s", code, out)
	}
}

func TestServerAndTokenComeFromTheDataDirectory(t *testing.T) {
	f := newFake(t)
	f.gives("whoami", api.Whoami{Actor: api.Actor{Kind: "user", Name: "admin"}, Role: "admin"})
	t.Setenv("SLIPWAY_URL", "")
	t.Setenv("SLIPWAY_TOKEN", "")
	dir := t.TempDir()
	_, errOut, code := run(t, "whoami", "--data", dir)
	if code != 5 || !strings.Contains(errOut, "no server runs on "+dir) {
		t.Errorf("without a server: exit %d %q", code, errOut)
	}
	write(t, filepath.Join(dir, "server.json"), `{"url":"`+f.url+`"}`)
	write(t, filepath.Join(dir, "admin.token"), "slu_test\n")
	if out, errOut, _ := run(t, "whoami", "--data", dir); out != "admin, admin, at "+f.url+"\n" {
		t.Errorf("from the data directory: %q %q", out, errOut)
	}
	_, errOut, code = run(t, "whoami", "--data", dir, "--server", "http://127.0.0.1:1")
	if code != 3 {
		t.Errorf("the token was taken to another server: exit %d %q", code, errOut)
	}
	write(t, filepath.Join(dir, "server.json"), `{"url":"http://127.0.0.1:1","others":["http://127.0.0.1:2","`+f.url+`"]}`)
	if out, errOut, _ := run(t, "whoami", "--data", dir); out != "admin, admin, at "+f.url+"\n" {
		t.Errorf("when the first of several has ended: %q %q", out, errOut)
	}
	t.Setenv("BUILDKITE_AGENT_ENDPOINT", f.url+"/agent/v3")
	t.Setenv("BUILDKITE_AGENT_ACCESS_TOKEN", "slu_test")
	if _, errOut, code := run(t, "whoami"); code != 0 {
		t.Errorf("inside a job: exit %d %q", code, errOut)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRemoteAddKeepsTheTokenOutOfGit(t *testing.T) {
	f := newFake(t)
	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	t.Setenv("GIT_CONFIG_SYSTEM", "/dev/null")
	dir := filepath.Join(t.TempDir(), "thoughts-backend")
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Chdir(dir)
	for range 2 { // again is harmless
		out, errOut, code := run(t, "remote", "add")
		if want := f.url + "/git/thoughts-backend.git"; code != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit %d %q %q", code, out, errOut)
		}
	}
	config, err := os.ReadFile(filepath.Join(dir, ".git", "config"))
	if err != nil || strings.Contains(string(config), "slu_") || strings.Count(string(config), "git-credential") != 1 {
		t.Errorf("git's configuration: %v\n%s", err, config)
	}
	if repository, number, err := slug(t.Context(), "12"); repository != "thoughts-backend" || number != 12 {
		t.Errorf("build 12 here: %s/%d %v", repository, number, err)
	}
}

func TestGitCredentialAnswersForOurServerOnly(t *testing.T) {
	f := newFake(t)
	for host, want := range map[string]string{
		strings.TrimPrefix(f.url, "http://"): "username=slipway\npassword=slu_test\n",
		"evil.example":                       "",
	} {
		var out strings.Builder
		root := Root(Options{})
		root.SetIn(strings.NewReader("protocol=http\nhost=" + host + "\n\n"))
		root.SetOut(&out)
		if code := Main(t.Context(), root, []string{"git-credential", "get"}, &out); code != 0 || out.String() != want {
			t.Errorf("%s: exit %d %q", host, code, out.String())
		}
	}
}
