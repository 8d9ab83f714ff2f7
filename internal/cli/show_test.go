package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
)

func TestBoard(t *testing.T) {
	target := func(env string, release, ready, want int, health string, since time.Duration) api.Target {
		return api.Target{Environment: env, Release: release, Ready: ready, Want: want, Health: health, Since: before(since)}
	}
	thoughts := target("prod", 14, 3, 3, "healthy", time.Hour)
	thoughts.Last = &api.Deployment{Release: 15, Phase: "failed", FinishedAt: before(3 * time.Minute)}
	front := target("prod", 9, 2, 3, "degraded", 25*time.Hour)
	front.Why = "i-44e restarting (exit 137, out of memory) 2nd time"
	moving := target("test", 2, 1, 1, "healthy", 12*time.Second)
	moving.Moving = &api.Deployment{Release: 3, Phase: "progressing", At: 0, Stages: []api.Stage{{Title: "1 of 1"}}, Weight: 0}
	b := api.Board{Environments: []string{"test", "prod"}, Services: []api.BoardService{
		{Name: "users-backend", Targets: []api.Target{target("test", 12, 1, 1, "healthy", 2*time.Hour), target("prod", 12, 3, 3, "healthy", 2*time.Hour)}},
		{Name: "thoughts-backend", Targets: []api.Target{target("test", 15, 1, 1, "healthy", 4*time.Minute), thoughts}},
		{Name: "frontend", Targets: []api.Target{target("test", 9, 1, 1, "healthy", 25*time.Hour), front}},
		{Name: "search", Targets: []api.Target{moving, {Environment: "prod"}}},
	}}
	var out strings.Builder
	if err := (&screen{out: &out}).board(b, noon); err != nil {
		t.Fatal(err)
	}
	same(t, out.String(), `
                    test                   prod
users-backend       @12  ● 1/1   2 h       @12  ● 3/3   2 h
thoughts-backend    @15  ● 1/1   4 min     @14  ● 3/3   1 h       ⏸ @15 refused 3 min ago
frontend            @9   ● 1/1   1 d       @9   ◐ 2/3   1 d       i-44e restarting (exit 137, out of memory) 2nd time
search              @2   ● 1/1   12 s      –                      test: → @3 1 of 1, 0 %
`)
}

func TestWhatWasRemovedLeavesTheBoard(t *testing.T) {
	f := newFake(t)
	gone := time.Now().Add(-3 * time.Minute)
	removed := api.BoardService{Name: "search", Removed: &gone, Targets: []api.Target{{Environment: "test", Removed: &gone, Last: &api.Deployment{Phase: "failed"}}}}
	f.gives("board", api.Board{Environments: []string{"test"}, Services: []api.BoardService{removed, {Name: "web", Targets: []api.Target{{Environment: "test"}}}}})
	for args, want := range map[string]string{
		"status":        "       test\nweb    –\n",
		"status --all":  "          test\nsearch    –       removed 3 min ago\nweb       –\n",
		"status search": "search  test  –    removed 3 min ago\n",
	} {
		if out, errOut, code := run(t, strings.Fields(args)...); out != want || code != 0 {
			t.Errorf("%s: exit %d %s\ngot:\n%swant:\n%s", args, code, errOut, out, want)
		}
	}
	if out, _, _ := run(t, "status", "--json"); strings.Contains(out, "search") {
		t.Errorf("still there: %s", out)
	}
}

// What failed leads to its log, by a name that a shell takes for nothing else.
func TestAFailedBuildLeadsToItsLog(t *testing.T) {
	for label, want := range map[string]string{
		"Deploy to production": `"Deploy to production"`, "$(rm -rf ~)": "j-2", "say \"hi\"": "j-2", "`id`": "j-2", "--follow": "j-2",
	} {
		b := api.Build{Repository: "search", Number: 7, State: "failed", FinishedAt: &noon, Jobs: []api.Job{
			{ID: "j-1", Kind: "command", Label: "test", State: "passed"}, {ID: "j-2", Kind: "command", Label: label, State: "failed", ExitStatus: new(1)}}}
		lines := (&screen{}).build(b, noon)
		if got := lines[len(lines)-1]; got != "  next  slipway build search/7 --log "+want {
			t.Errorf("%s: %s", label, got)
		}
	}
}

func TestColourIsNeverTheOnlySign(t *testing.T) {
	s := &screen{colour: true}
	for _, health := range []string{"healthy", "degraded", "down"} {
		painted := s.health(api.Target{Health: health})
		if !strings.HasPrefix(painted, "\x1b[") || plain(painted) == "" {
			t.Errorf("%s: %q", health, painted)
		}
	}
}

func testBuild() api.Build {
	exit := 1
	return api.Build{
		Repository: "thoughts-backend", Number: 12, URL: "http://127.0.0.1:7070/builds/thoughts-backend/12", State: "blocked",
		Commit: "3f9c1ab0123456789abcdef", Subject: "Cache the\x1b]0;x\x07 user\nlookup", Author: "Mei",
		Jobs: []api.Job{
			{ID: "a", Kind: "command", Label: "Run my tests", Queue: "test", State: "passed", StartedAt: before(9 * time.Second), FinishedAt: before(4900 * time.Millisecond)},
			{Kind: "wait", State: "passed"},
			{ID: "b", Kind: "command", Label: "Push docker image", Queue: "test", State: "passed", StartedAt: before(4 * time.Second), FinishedAt: before(2800 * time.Millisecond)},
			{ID: "c", Kind: "command", Label: "Lint", Queue: "test", State: "failed", ExitStatus: &exit, StartedAt: before(4 * time.Second), FinishedAt: before(3500 * time.Millisecond)},
			{ID: "d", Kind: "command", Label: "Deploy To Test", Queue: "test", State: "running", StartedAt: before(900 * time.Millisecond)},
			{ID: "e", Kind: "block", State: "blocked"},
			{ID: "f", Kind: "command", Label: "Deploy to Production", Queue: "production", State: "waiting"},
		},
		Releases: []api.Release{{Service: "thoughts-backend", Number: 14, Image: "sha256:5d1e" + strings.Repeat("0", 58) + "c0", CreatedAt: noon.Add(-3 * time.Second)}},
	}
}

func TestBuild(t *testing.T) {
	lines := (&screen{}).build(testBuild(), noon)
	same(t, strings.Join(lines, "\n")+"\n", `
build 12 of thoughts-backend  ·  3f9c1ab "Cache the user lookup" by Mei
  http://127.0.0.1:7070/builds/thoughts-backend/12
✓ Run my tests          test        4.1 s
✓ Push docker image     test        1.2 s   thoughts-backend@14  sha256:5d1e…c0
✗ Lint                  test        500 ms   exit 1
⠼ Deploy To Test        test        900 ms …
■ blocked                           waiting for someone to unblock: slipway unblock thoughts-backend/12
  Deploy to Production  production  …
`)
}

func TestABuildThatWasNotUnderstoodTellsEachProblem(t *testing.T) {
	b := api.Build{Repository: "search", Number: 1, Commit: "3f9c1ab", URL: "http://b", Why: "p.yml:2:5: one\np.yml:3:5: another\n"}
	same(t, strings.Join((&screen{}).build(b, noon), "\n")+"\n", `
build 1 of search  ·  3f9c1ab "" by 
  http://b
✗ p.yml:2:5: one
  p.yml:3:5: another
`)
}

func testDeployment() api.Deployment {
	return api.Deployment{
		ID: 77, URL: "http://127.0.0.1:7070/deployments/77", Service: "thoughts-backend", Environment: "prod", Kind: "deploy",
		From: 13, Release: 14, Strategy: "rolling", Phase: "progressing", Want: 3, At: 1, NewReady: 1, OldReady: 2, Weight: 3333,
		Stages:    []api.Stage{{New: 1, Title: "1 of 3"}, {New: 2, Title: "2 of 3"}, {New: 3, Title: "3 of 3"}},
		Actor:     api.Actor{Kind: "user", Name: "mei"},
		CreatedAt: noon.Add(-3 * time.Second), StartedAt: before(3 * time.Second),
		Instances: []api.Instance{
			{ID: "i-7f2", Group: "g77", Phase: "ready"},
			{ID: "i-9c4", Group: "g77", Phase: "starting", Since: before(2100 * time.Millisecond), Why: `not ready: GET /readyz 503 "warming cache"`},
			{ID: "i-3a2", Group: "g70", Phase: "ready"},
		},
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(&screen{out: &out, terminal: true, width: 100}, testDeployment())
	d := testDeployment()
	d.Phase, d.StartedAt, d.At, d.Why = "pending", nil, 0, []api.Why{{Text: "waits: users-backend >= 12, 11 is live"}}
	if err := p.show(d, noon.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	same(t, strings.TrimPrefix(plain(out.String()), "\r"), `
thoughts-backend  prod  @13 → @14   rolling, 3 instances   (by mei, http://127.0.0.1:7070/deploymen…
  ⠼ gates      waits: users-backend >= 12, 11 is live
    1 of 3     i-9c4 starting … not ready: GET /readyz 503 "warming cache"  1.1 s
    2 of 3
    3 of 3
`)
	out.Reset()
	d = testDeployment()
	d.Why = []api.Why{{Text: "rolls from 3 instances of @13 to 3 of @14"}, {Text: "i-7f2 ready in 180 ms"}, {Text: "i-3a1 drained in 40 ms"}}
	d.Requests = 412
	d.Passed = []api.Gate{{Gate: "lock", State: "pass", Why: "no lock"}, {Gate: "freeze", State: "pass", Why: "no freeze"}, {Gate: "needs", State: "pass", Why: "needs users-backend >= 12 (12 is live)"}}
	if err := p.show(d, noon); err != nil {
		t.Fatal(err)
	}
	frame, ok := strings.CutPrefix(out.String(), "\x1b[5A\r\x1b[J")
	if !ok {
		t.Errorf("the frame does not go over the one before: %q", out.String())
	}
	same(t, plain(frame), `
thoughts-backend  prod  @13 → @14   rolling, 3 instances   (by mei, http://127.0.0.1:7070/deploymen…
  ✓ gates      no lock · no freeze · needs users-backend >= 12 (12 is live)
  ✓ start      rolls from 3 instances of @13 to 3 of @14
  ✓ 1 of 3     i-7f2 ready in 180 ms · i-3a1 drained in 40 ms
  ⠼ 2 of 3     i-9c4 starting … not ready: GET /readyz 503 "warming cache"  2.1 s
    3 of 3
  [@13 ██████████████░░░░░░░ @14]   33 %    412 requests/s   0 errors
`)
}

func TestRefusal(t *testing.T) {
	d := testDeployment()
	d.Phase, d.Ended, d.At, d.NewReady, d.OldReady, d.From, d.Release = "failed", true, 0, 0, 3, 14, 15
	d.Why = []api.Why{{At: noon, Text: `i-b21 was not ready within 30 s: GET http://127.0.0.1:41873/readyz → 500 "connection refused"`}}
	d.Why = append(d.Why, api.Why{At: noon, Text: "@15 was refused; what serves (@14, 3 instances) was not touched"})
	d.Blamed, d.LogTail = "i-b21", []string{`level=ERROR msg="redis" err="dial tcp 10.0.3.7:6379: connection refused"` + "\x1b[2J"}
	same(t, strings.Join((&screen{}).ending(d), "\n")+"\n", `
✗ thoughts-backend@15 was refused in prod. What serves (@14, 3 instances) was not touched.
  why   i-b21 was not ready within 30 s: GET http://127.0.0.1:41873/readyz → 500 "connection refused"
  log   last lines of i-b21:
        level=ERROR msg="redis" err="dial tcp 10.0.3.7:6379: connection refused"
  next  slipway logs thoughts-backend prod --instance i-b21 · mend it · deploy again
`)
}

func TestEveryEndingHasWords(t *testing.T) {
	for _, phase := range []string{"succeeded", "failed", "rolled_back", "stuck", "cancelled", "superseded"} {
		d := testDeployment()
		d.Phase, d.Ended, d.FinishedAt = phase, true, &noon
		if lines := (&screen{}).ending(d); len(lines) == 0 || !strings.Contains(lines[0], "thoughts-backend@14") {
			t.Errorf("%s: %q", phase, lines)
		}
	}
}

func TestTimes(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		180 * time.Millisecond:          {"0 s", "180 ms"},
		4100 * time.Millisecond:         {"4 s", "4.1 s"},
		130 * time.Second:               {"2 min", "2 min 10 s"},
		65 * time.Minute:                {"1 h", "1 h 5 min"},
		30 * time.Hour:                  {"1 d", "30 h 0 min"},
		-time.Second:                    {"0 s", "0 ms"},
		59*time.Minute + 59*time.Second: {"59 min", "59 min 59 s"},
	} {
		if got := [2]string{ago(d), took(d)}; got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestFitCutsWhatIsSeen(t *testing.T) {
	for in, want := range map[string]string{
		"short":                       "short",
		"\x1b[32mgreen\x1b[0m":        "\x1b[32mgreen\x1b[0m",
		"\x1b[32mfar too long\x1b[0m": "\x1b[32mfar t…\x1b[0m",
	} {
		if got := fit(in, 6); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Tests that no agent took, and tests that fail without a word, have no last
// lines.
func TestRefusalWithoutLastLines(t *testing.T) {
	d := testDeployment()
	d.Phase, d.Ended, d.OldReady, d.From, d.Release = "failed", true, 3, 14, 15
	d.Why = []api.Why{{At: noon, Text: "i-b21 ready in 40 ms"}, {At: noon, Text: "no agent of queue production took the tests before traffic within 10 min: see slipway agents"}}
	d.Tests = &api.Tests{Command: "ci/bin/probe", Queue: "production", State: "cancelled"}
	refused := `
✗ thoughts-backend@15 was refused in prod. What serves (@14, 3 instances) was not touched.
  why   no agent of queue production took the tests before traffic within 10 min: see slipway agents
  next  slipway logs thoughts-backend prod · mend it · deploy again
`
	same(t, strings.Join((&screen{}).ending(d), "\n")+"\n", refused)
	d.Why, d.Tests.State = []api.Why{{At: noon, Text: "the tests before traffic did not pass: exit 1"}}, "failed"
	same(t, strings.Join((&screen{}).ending(d), "\n")+"\n", `
✗ thoughts-backend@15 was refused in prod. What serves (@14, 3 instances) was not touched.
  why   the tests before traffic did not pass: exit 1
  next  slipway logs --deployment 77 · mend it · deploy again
`)
}
