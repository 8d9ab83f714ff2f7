package git_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/protocol/git"
)

func step(label, queue string) slipway.Job {
	return slipway.Job{ID: slipway.JobID(label), State: slipway.JobWaiting, Step: slipway.Step{
		Kind: slipway.StepCommand, Label: label, Agents: map[string]string{"queue": queue},
	}}
}

// run ends a job after it ran for d.
func run(j *slipway.Job, state slipway.JobState, exit int, d time.Duration) {
	at := time.Now()
	j.State = state
	j.Attempts = []slipway.Attempt{{Number: 1, AgentName: "test-1", StartedAt: at, FinishedAt: at.Add(d), ExitStatus: exit}}
}

func TestPushTellsHowTheBuildGoesWhileItGoes(t *testing.T) {
	w := newWorld(t)
	w.script = func(b *slipway.Build) {
		b.Jobs = []slipway.Job{
			step("Run my tests", "test"),
			{ID: "w", State: slipway.JobWaiting, Step: slipway.Step{Kind: slipway.StepWait}},
			step("Push docker image", "test"),
			{ID: "b", State: slipway.JobWaiting, Step: slipway.Step{Kind: slipway.StepBlock}},
			step("Deploy to Production", "production"),
		}
	}
	c := w.clone("mei", "web")
	push, lines := c.pushing()
	remote := make(chan string, 100)
	go func() {
		defer close(remote)
		for lines.Scan() {
			remote <- strings.TrimRight(clean(lines.Text()), "\n")
		}
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-remote:
			if got != want {
				t.Errorf("the pusher reads\n%q, want\n%q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("the pusher waits in vain for %q", want)
		}
	}
	// Each line is read before what makes the next one happens: the push is live.
	commit := strings.TrimSpace(c.must("rev-parse", "HEAD"))[:7]
	expect(`remote: slipway  build 1 of web  ·  ` + commit + ` "first" by Mei`)
	expect(`remote:          http://slipway.test/builds/web/1`)
	w.change(1, func(b *slipway.Build) { run(&b.Jobs[0], slipway.JobPassed, 0, 4100*time.Millisecond) })
	expect(`remote:   ✓ Run my tests           test        4.1 s   outcome of Run my tests`)
	w.change(1, func(b *slipway.Build) { run(&b.Jobs[2], slipway.JobPassed, 0, 62*time.Second) })
	expect(`remote:   ✓ Push docker image      test        1 min 2 s  outcome of Push docker image`)
	w.change(1, func(b *slipway.Build) { b.State, b.Jobs[3].State = slipway.BuildBlocked, slipway.JobBlocked })
	expect(`remote:   ■ blocked                            waiting for someone to unblock: slipway unblock web/1`)
	expect(`remote:     Deploy to Production   production`)
	for range remote {
	}
	if err := push.Wait(); err != nil {
		t.Errorf("git push: %v", err)
	}
}

func TestAFailedBuildIsToldAndThePushStands(t *testing.T) {
	w := newWorld(t)
	w.script = func(b *slipway.Build) {
		b.Jobs = []slipway.Job{step("Test", "test"), step("Deploy", "test")}
		run(&b.Jobs[0], slipway.JobFailed, 1, time.Second)
		b.Jobs[1].State = slipway.JobBroken
		b.State, b.FinishedAt = slipway.BuildFailed, b.CreatedAt.Add(2*time.Second)
	}
	out := w.clone("mei", "web").must("push", "slipway", "master")
	for _, want := range []string{
		"  ✗ Test     test  1.0 s   exit 1\n", "      the last �[31mline\n", "  ✗ failed         2.0 s   see why: slipway build web/1\n", "[new branch]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestAPipelineThatCannotBeReadIsToldWithItsPositions(t *testing.T) {
	w := newWorld(t)
	pass := w.script
	w.script = func(b *slipway.Build) {
		b.State, b.Why = slipway.BuildFailed, ".buildkite/pipeline.yml:3:5: unknown key \"comand\"\n.buildkite/pipeline.yml:9:1: no steps"
	}
	out := w.clone("mei", "web").must("push", "slipway", "master")
	if want := "remote:   ✗ failed\nremote:     .buildkite/pipeline.yml:3:5: unknown key \"comand\"\nremote:     .buildkite/pipeline.yml:9:1: no steps\n"; !strings.Contains(out, want) {
		t.Errorf("no\n%s in\n%s", want, out)
	}
	w.script = pass
	w.refuse = slipway.Errorf(slipway.Invalid, "one\ntwo")
	if out := w.clone("mei", "bad").must("push", "slipway", "master"); !strings.Contains(out, "remote: slipway  no build of bad, branch master\nremote:   ✗ one\nremote:     two\n") {
		t.Errorf("a refusal must be told:\n%s", out)
	}
	w.refuse = nil
	c := w.clone("mei", "lib")
	c.commit("no pipeline")
	if out := c.must("push", "slipway", "master"); !strings.Contains(out, "slipway  no build of lib, branch master  ·  there is no .buildkite/pipeline.yml") {
		t.Errorf("a push without a pipeline must say so:\n%s", out)
	}
}

func TestEachRefMakesItsBuild(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	c.must("push", "slipway", "master")
	hostile := "x$(id>&2)"
	c.must("branch", hostile)
	c.must("branch", "feature/é")
	c.must("tag", "-a", "v1", "-m", "one")
	out := c.must("push", "slipway", "refs/heads/*", "--tags")
	if strings.Contains(out, "uid=") {
		t.Fatalf("a branch's name was executed:\n%s", out)
	}
	c.commit("second")
	c.must("push", "slipway", "master")
	c.commit("rewritten")
	c.must("reset", "-q", "--soft", "HEAD~2")
	c.must("commit", "-q", "--amend", "--allow-empty", "-m", "other")
	c.must("push", "-f", "slipway", "master")
	c.must("push", "slipway", "--delete", hostile)

	var got []string
	for _, p := range w.pushes {
		got = append(got, p.Ref)
		if p.Actor != mei.Actor {
			t.Errorf("%s was pushed by %v", p.Ref, p.Actor)
		}
	}
	slices.Sort(got)
	want := []string{
		"refs/heads/feature/é", "refs/heads/master", "refs/heads/master", "refs/heads/master",
		"refs/heads/" + hostile, "refs/heads/" + hostile, "refs/tags/v1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("pushes of %q, want %q", got, want)
	}
	if len(w.builds) != 6 {
		t.Errorf("%d builds, want 6: deleting makes none", len(w.builds))
	}
	for _, b := range w.builds {
		if b.Push.Tag() == "v1" && b.Commit.Commit == b.Push.New {
			t.Error("an annotated tag is built as if it were a commit")
		}
	}
}

func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	w.clone("mei", "web").must("push", "slipway", "master")
	w.clone("mei", "build-scripts").must("push", "slipway", "master")
	w.clone("mei", "secret").must("push", "slipway", "master")
	for _, tt := range []struct {
		token, repository, verb string
		want                    string // "" means it works
	}{
		{"eve", "web", "fetch", ""},
		{"eve", "web", "push", "Eve may not push to web"},
		{"eve", "new", "push", "Eve may not push to new"},
		{"nobody", "web", "fetch", "Authentication failed"},
		{"nobody", "web", "push", "Authentication failed"},
		{"nobody", "new", "push", "Authentication failed"},
		{"job", "web", "fetch", ""},
		{"job", "build-scripts", "fetch", ""},
		{"job", "secret", "fetch", "may not fetch repository secret"},
		{"job", "web", "push", "may not push"},
		{"mei", "new", "fetch", "there is no repository new"},
		{"mei", "Not_A_Name", "push", "cannot name a repository"},
		{"mei", "team/web", "push", `"team/web" cannot name a repository`},
		{"nobody", "team/web", "push", "Authentication failed"},
		{"mei", "new", "push --dry-run", ""},
	} {
		c := w.clone(tt.token, tt.repository)
		args := append(strings.Fields(tt.verb), "slipway")
		if strings.HasPrefix(tt.verb, "push") {
			c.commit("change")
			args = append(args, "+master")
		}
		out, err := c.git(args...)
		if (err == nil) != (tt.want == "") || !strings.Contains(out, tt.want) {
			t.Errorf("%s %s of %s: %v, want %q in\n%s", tt.token, tt.verb, tt.repository, err, tt.want, out)
		}
	}
	if _, ok := w.repositories["new"]; ok {
		t.Error("a push that came to nothing made a repository")
	}
	if _, err := os.Stat(filepath.Join(w.dir, "repositories", "new.git")); err == nil {
		t.Error("a push that came to nothing left a directory")
	}

	req := mustRequest(t, http.MethodGet, w.url+"/git/web.git/info/refs?service=git-upload-pack")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("without a token: %s, %q", res.Status, res.Header.Get("WWW-Authenticate"))
	}
	for _, path := range []string{"/git/web.git/HEAD", "/git/web.git/config", "/git/web.git/objects/info/packs", "/git/../web.git/config"} {
		req := mustRequest(t, http.MethodGet, w.url+path)
		req.SetBasicAuth("x", "mei")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 404 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestLargePushesComeInPieces(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	noise := make([]byte, 3<<20) // over git's http.postBuffer: it probes, then sends chunks
	rand.Read(noise)
	c.write("noise", string(noise))
	c.commit("noise")
	c.must("push", "slipway", "master")

	other := w.clone("eve", "web")
	other.must("fetch", "-q", "slipway")
	if got, want := other.must("rev-parse", "slipway/master"), c.must("rev-parse", "master"); got != want {
		t.Errorf("fetched %s, pushed %s", got, want)
	}
	if out := other.must("ls-remote", "--symref", "slipway", "HEAD"); !strings.Contains(out, "refs/heads/master") {
		t.Errorf("HEAD is %s", out)
	}
}

func TestManyPushAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 6 {
		c := w.clone("mei", "web")
		branch := string(rune('a' + i))
		c.must("checkout", "-q", "-b", branch)
		all.Go(func() {
			if out, err := c.git("push", "slipway", branch); err != nil {
				t.Errorf("%s: %v\n%s", branch, err, out)
			}
		})
	}
	all.Wait()
	if len(w.builds) != 6 || len(w.repositories) != 1 {
		t.Errorf("%d builds in %d repositories, want 6 in 1", len(w.builds), len(w.repositories))
	}
}

func TestAPusherWhoLeavesDoesNotStopTheBuild(t *testing.T) {
	w := newWorld(t)
	w.script = func(b *slipway.Build) { b.Jobs = []slipway.Job{step("Test", "test")} }
	c := w.clone("mei", "web")
	push, lines := c.pushing()
	for lines.Scan() && !strings.Contains(lines.Text(), "/builds/web/1") {
	}
	if err := push.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = push.Wait() // killed
	// Something is said to nobody, which is how the server learns that they left.
	w.change(1, func(b *slipway.Build) { run(&b.Jobs[0], slipway.JobPassed, 0, time.Second) })
	if got := c.must("ls-remote", "slipway", "refs/heads/master"); got == "" {
		t.Error("the push did not stand")
	}
	if b := w.builds[0]; b.State != slipway.BuildRunning {
		t.Errorf("the build is %s", b.State)
	}
	w.change(1, func(b *slipway.Build) { b.State = slipway.BuildPassed })
}

func TestChangesThatNobodyHeardAreDelivered(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	c.must("push", "slipway", "master")
	disk := filepath.Join(w.dir, "repositories", "web.git")
	// Around the server: no hook can tell it.
	c.commit("unheard")
	c.must("push", disk, "master", "master:refs/heads/other")
	if len(w.pushes) != 1 {
		t.Fatalf("%d pushes were heard", len(w.pushes))
	}
	for range 2 { // the second finds nothing
		if err := w.git.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.pushes) != 3 || w.pushes[1].Ref != "refs/heads/master" || w.pushes[1].Actor != slipway.System || w.pushes[1].Old != w.pushes[0].New {
		t.Errorf("delivered %+v", w.pushes)
	}
	c.must("push", disk, "--delete", "other")
	if err := w.git.Reconcile(t.Context()); err != nil || len(w.pushes) != 4 || !w.pushes[3].IsDelete() {
		t.Errorf("a branch that was deleted: %v, %+v", err, w.pushes)
	}
}

func TestAHookWithoutItsPushIsRefused(t *testing.T) {
	w := newWorld(t)
	w.clone("mei", "web").must("push", "slipway", "master")
	zeros, ones := strings.Repeat("0", 40), strings.Repeat("1", 40)
	for _, token := range []string{"", "mei", "guess"} {
		r := mustRequest(t, http.MethodPost, w.url+"/git/hooks/post-receive")
		r.Header.Set("Authorization", "Bearer "+token)
		r.Body = io.NopCloser(strings.NewReader(zeros + " " + ones + " refs/heads/forged\n"))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %s", token, res.Status)
		}
	}
	if len(w.pushes) != 1 {
		t.Errorf("pushes %+v", w.pushes)
	}
}

// A hook whose server falters tries again, and tells nothing twice.
func TestAHookTriesAgain(t *testing.T) {
	tries := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != "old new ref\n" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("the hook said %q, %q", body, r.Header)
		}
		switch tries++; tries {
		case 1:
			panic(http.ErrAbortHandler) // before a word
		case 2:
			_, _ = io.WriteString(w, "one\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // in the middle
		default:
			_, _ = io.WriteString(w, "two\n")
		}
	}))
	defer srv.Close()
	var out strings.Builder
	env := map[string]string{"SLIPWAY_HOOK_URL": srv.URL, "SLIPWAY_HOOK_SECRET": "secret"}
	err := git.RunHook(t.Context(), strings.NewReader("old new ref\n"), &out, func(k string) string { return env[k] })
	if err != nil || out.String() != "one\ntwo\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := git.RunHook(t.Context(), strings.NewReader(""), &out, func(string) string { return "" }); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("run by hand: %v", err)
	}
}

// A second server that starts while somebody pushes by the first leaves that
// push to its hook: it is built in the name of who pushed.
func TestAnotherServerLeavesAPushAlone(t *testing.T) {
	w := newWorld(t)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hooks/post-receive") {
			close(arrived)
			<-goOn
		}
		w.git.Handler().ServeHTTP(out, r)
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL
	c := w.clone("mei", "web")
	var pushing sync.WaitGroup
	pushing.Go(func() {
		if out, err := c.git("push", "slipway", "master"); err != nil {
			t.Error(err, out)
		}
	})
	<-arrived // the refs have changed
	other, err := git.New(w.git.Config)
	if err == nil {
		err = other.Reconcile(t.Context())
	}
	w.mu.Lock()
	heard := len(w.pushes)
	w.mu.Unlock()
	close(goOn)
	pushing.Wait()
	if err != nil || heard != 0 {
		t.Errorf("%d pushes were heard before the hook was: %v", heard, err)
	}
	if len(w.pushes) != 1 || w.pushes[0].Actor != mei.Actor {
		t.Errorf("delivered %+v", w.pushes)
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "repositories", ".pushes")); err != nil || len(left) > 0 {
		t.Errorf("of a push that is over %v is left: %v", left, err)
	}
}

// What was pushed while the store was away is recorded when it is back, in the
// name of who pushed.
func TestAPushThatCouldNotBeRecorded(t *testing.T) {
	w := newWorld(t)
	away := slipway.Errorf(slipway.Unavailable, "the database cannot be reached")
	w.refuse = away
	w.unrecorded = true
	w.clone("mei", "web").must("push", "slipway", "master")
	w.mu.Lock()
	w.refuse, w.unrecorded, w.pushes = nil, false, nil
	w.mu.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { _ = w.git.Watch(ctx) })
	defer watching.Wait()
	defer stop()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		pushes := slices.Clone(w.pushes)
		w.mu.Unlock()
		if len(pushes) == 1 && pushes[0].Actor == mei.Actor {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("recorded %+v", pushes)
		}
	}
}

// A push to a repository that is damaged, or gone, whose server died keeps the next
// server from nothing.
func TestAPushThatCannotBeFound(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	c.must("push", "slipway", "master")
	w.clone("mei", "broken").must("push", "slipway", "master")
	repositories := filepath.Join(w.dir, "repositories")
	if err := os.Remove(filepath.Join(repositories, "broken.git", "HEAD")); err != nil {
		t.Fatal(err)
	}
	marks := filepath.Join(repositories, ".pushes")
	for _, name := range []string{"broken", "gone"} {
		if err := os.WriteFile(filepath.Join(marks, "push-"+name), []byte(`{"repository":"`+name+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.commit("unheard")
	c.must("push", filepath.Join(repositories, "web.git"), "master")
	if err := w.git.Reconcile(t.Context()); err != nil {
		t.Errorf("the server cannot start: %v", err)
	}
	if len(w.pushes) != 3 || w.pushes[2].Repository != "web" {
		t.Errorf("delivered %+v", w.pushes)
	}
	if left, err := filepath.Glob(filepath.Join(marks, "*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != "left-broken" {
		t.Errorf("marked %v, %v", left, err)
	}
}
