package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/examples"
)

// TestPages clicks through the pages in a real browser: the empty board, the
// login link, a build that is watched live and unblocked, its deployment.
// SLIPWAY_SCREENSHOTS names a folder to keep pictures in.
func TestPages(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t)
	var link struct{ URL string }
	w.json(&link, "login")

	pages, _, _ := strings.Cut(link.URL, "/login")

	// A link signs nobody in by itself; pressing the button does.
	b.do(chromedp.Navigate(link.URL), chromedp.WaitVisible("button"))
	b.do(chromedp.Click("button"), chromedp.WaitVisible("#board"))
	b.see("#board", "Nothing is deployed yet")
	b.see("#board", "slipway remote add")
	b.picture("board-empty")

	users := w.push("users-backend")
	b.do(chromedp.WaitVisible(`//td[contains(., "@1")]`)) // the board is live
	b.picture("board")

	// The build's page shows the steps, the log and the button.
	b.do(chromedp.Click(`//a[text()="users-backend/1"]`), chromedp.WaitVisible("#build-steps"))
	b.see("#build-head", "blocked")
	b.do(chromedp.Click(`//a[contains(., "Run my tests")]`), chromedp.WaitVisible("#L2"))
	b.see("#build-log", "ci/bin/test")
	b.picture("build")
	b.do(chromedp.Click(`//button[text()="Unblock"]`))
	b.do(chromedp.WaitVisible(`//h1//span[contains(., "passed")]`)) // without a reload
	b.see("#build-steps", "unblocked by")
	b.see("#build-steps", "Deploy to Production")
	b.picture("build-passed")

	// The deployment says what was decided and why.
	b.do(chromedp.Navigate(pages+"/deployments"), chromedp.WaitVisible("#deployments"))
	b.do(chromedp.Click(`//a[text()="2"]`), chromedp.WaitVisible("#deployment-why"))
	b.see("#deployment-head", "succeeded")
	b.see("#deployment-instances", "ready")
	b.see("#deployment-instances", " MB")
	b.see("#deployment-instances", "0 errors, 0 warnings")
	b.picture("deployment")

	// A page that is missing, and a stranger, get a page that says what to do.
	b.do(chromedp.Navigate(pages+"/nowhere"), chromedp.WaitVisible("main"))
	b.see("main", "there is no page /nowhere")
	stranger := newBrowser(t)
	stranger.do(chromedp.Navigate(pages+"/"), chromedp.WaitVisible("main"))
	stranger.see("main", "slipway login")

	// A release that never becomes ready is refused before everybody's eyes.
	w.breakReady(users)
	b.do(chromedp.Navigate(pages+"/"), chromedp.WaitVisible(`//div[contains(., "refused")]`))
	b.picture("board-refused")
	b.dark()
	b.picture("board-dark")
	b.do(chromedp.Click(`//a[contains(., "refused")]`), chromedp.WaitVisible("#deployment-why"))
	b.see("#deployment-why", "was not ready within")
	b.picture("deployment-refused-dark")
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
	b.narrow()
	b.picture("deployment-360")
	b.do(chromedp.Navigate(pages+"/"), chromedp.WaitVisible("#board"))
	b.narrow()
	b.picture("board-360")
	b.do(chromedp.Navigate(pages+"/builds/users-backend/1"), chromedp.WaitVisible("#build-steps"))
	b.narrow()
	b.picture("build-360")
}

// world is one installation, with a home of its own.
type world struct {
	t    *testing.T
	dir  string
	env  []string
	port int

	client *api.Client // of the administrator, once it is needed
}

func newWorld(t *testing.T) *world {
	t.Helper()
	port, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), port: port}
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !strings.HasPrefix(name, "SLIPWAY_") && name != "HOME" && name != "XDG_DATA_HOME" {
			w.env = append(w.env, kv)
		}
	}
	for _, key := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.CommandContext(t.Context(), "go", "env", key).Output()
		if err != nil {
			t.Fatal(err)
		}
		w.env = append(w.env, key+"="+strings.TrimSpace(string(out)))
	}
	w.env = append(w.env, "HOME="+w.dir, "PATH="+bin+":"+os.Getenv("PATH"),
		"GIT_AUTHOR_NAME=Mei", "GIT_AUTHOR_EMAIL=mei@example.com", "GIT_COMMITTER_NAME=Mei", "GIT_COMMITTER_EMAIL=mei@example.com")
	t.Cleanup(func() { w.run(context.WithoutCancel(t.Context()), w.dir, "slipway", "down") })
	w.run(t.Context(), w.dir, "slipway", "up", "--detach", fmt.Sprintf("--listen=127.0.0.1:%d", port), fmt.Sprintf("--route-port=%d", port+1))
	return w
}

// run runs a command in dir, which must succeed, and returns what it prints.
func (w *world) run(ctx context.Context, dir, name string, args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if name == "slipway" {
		name = filepath.Join(bin, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (w *world) json(into any, args ...string) {
	w.t.Helper()
	out := w.run(w.t.Context(), w.dir, "slipway", append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// push makes one of the example's services and pushes it, with the scripts that
// it needs. It returns its folder.
func (w *world) push(service string) string {
	w.t.Helper()
	dirs := map[string]string{examples.Scripts: filepath.Join(w.dir, examples.Scripts+".git"), service: filepath.Join(w.dir, service)}
	for _, name := range []string{examples.Scripts, service} {
		dir := dirs[name]
		if err := examples.Copy(name, dir); err != nil {
			w.t.Fatal(err)
		}
		w.run(w.t.Context(), dir, "git", "init", "-q", "-b", "master")
		if name == service {
			w.run(w.t.Context(), dir, "git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../"+examples.Scripts+".git", "ci")
		}
		w.run(w.t.Context(), dir, "git", "add", "--all")
		w.run(w.t.Context(), dir, "git", "commit", "-qm", "Begin "+name)
		w.run(w.t.Context(), dir, "slipway", "remote", "add", name)
		w.run(w.t.Context(), dir, "git", "push", "slipway", "master")
	}
	return dirs[service]
}

// breakReady pushes a version that never becomes ready, and lets it into test.
func (w *world) breakReady(dir string) {
	w.t.Helper()
	file := filepath.Join(dir, "slipway.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "/readyz", "/never", 1)
	changed = strings.Replace(changed, "deadline: 5s", "deadline: 2s", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.run(w.t.Context(), dir, "git", "commit", "-qam", "Break <script>alert(1)</script>")
	w.run(w.t.Context(), dir, "git", "push", "slipway", "master")
}

// browser is a Chromium with an empty profile.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("there is no chromium: run dev/setup")
	} else if err != nil {
		t.Skip("there is no chromium: dev/setup installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Env("TMPDIR="+t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true))
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it: it lives as long as this context
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

// do runs actions, which must work.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.picture("failed")
		text, _ := chromedp.Run(b.ctx, chromedp.Text("body"))
		b.t.Fatalf("%v; the page says:\n%s", err, text)
	}
}

// see waits for a part of the page to say something.
func (b *browser) see(selector, text string) {
	b.t.Helper()
	var got string
	for range 50 {
		var err error
		if got, err = chromedp.Run(b.ctx, chromedp.Text(selector)); err != nil {
			b.t.Fatal(err)
		}
		if strings.Contains(got, text) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatalf("%s does not say %q:\n%s", selector, text, got)
}

// dark makes the system wish for dark pages.
func (b *browser) dark() {
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	})
}

// narrow holds that nothing is wider than a small phone.
func (b *browser) narrow() {
	b.t.Helper()
	over, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - 360`))
	if err != nil || over > 0 {
		b.t.Errorf("the page is %v px wider than a small phone (%v)", over, err)
	}
}

func (b *browser) picture(name string) {
	dir := os.Getenv("SLIPWAY_SCREENSHOTS")
	if dir == "" {
		return
	}
	if png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100)); err == nil {
		_ = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
}
