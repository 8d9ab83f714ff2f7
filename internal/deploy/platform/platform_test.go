package platform_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/platform"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// world is a Platform on a real store, whose repository has the files that a
// test puts there.
type world struct {
	*platform.Platform
	t      *testing.T
	store  *store.Store
	files  map[slipway.Commit]string
	pushes int
	woken  []slipway.TargetID
}

var web = slipway.TargetID{Service: "web", Environment: "prod"}

func person(name string, role slipway.Role, envs ...slipway.EnvironmentName) slipway.Principal {
	return slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: name}, Role: role, Environments: envs}
}

var (
	ada = person("ada", slipway.Admin)
	mei = person("mei", slipway.Deployer)
	jon = person("jon", slipway.Deployer)
	vic = person("vic", slipway.Viewer)
	tim = person("tim", slipway.Deployer, "test")
	job = slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorJob, For: "mei"}, Environments: []slipway.EnvironmentName{"prod"}, Job: &slipway.JobGrant{}}
)

func newWorld(t *testing.T) *world {
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{t: t, store: s, files: map[slipway.Commit]string{}}
	w.Platform = &platform.Platform{
		Store: s, Source: w, Parse: parse,
		Authors: func(context.Context, slipway.Deployment) ([]string, error) { return []string{"mei"}, nil },
		Wake:    func(t slipway.TargetID) { w.woken = append(w.woken, t) },
	}
	return w
}

// parse reads "NAME QUEUE" lines.
func parse(file string, text []byte) (slipway.Environments, error) {
	var all slipway.Environments
	for line := range strings.Lines(string(text)) {
		name, queue, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return nil, slipway.Errorf(slipway.Invalid, "%s:1:1: no queue\n%s:2:1: nor here", file, file)
		}
		all = append(all, slipway.Environment{Name: slipway.EnvironmentName(name), Queue: slipway.Queue(queue), Driver: "process"})
	}
	return all, nil
}

func (w *world) File(_ context.Context, _ slipway.RepositoryName, c slipway.Commit, path string) ([]byte, error) {
	text, ok := w.files[c]
	if !ok {
		return nil, slipway.Errorf(slipway.NotFound, "there is no file %s at %s", path, c.Short())
	}
	return []byte(text), nil
}

// push pushes a text to a branch of the platform repository, as git does.
func (w *world) push(branch, text string) string {
	w.t.Helper()
	if w.pushes == 0 {
		if err := w.store.CreateRepository(w.t.Context(), slipway.Repository{Name: slipway.PlatformRepository}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.pushes++
	c := slipway.Commit(fmt.Sprintf("%040x", w.pushes))
	if text != "" {
		w.files[c] = text
	}
	p := slipway.Push{Repository: slipway.PlatformRepository, Ref: "refs/heads/" + branch, Old: slipway.Commit(strings.Repeat("0", 40)), New: c, Actor: ada.Actor}
	told := strings.Join(w.Pushed(w.t.Context(), p), "\n")
	if _, _, err := w.store.RecordPush(w.t.Context(), p, "master", nil); err != nil {
		w.t.Fatal(err)
	}
	return told
}

// pending makes a deployment of web to prod that waits for its approval.
func (w *world) pending() slipway.Deployment {
	w.t.Helper()
	ctx := w.t.Context()
	if _, _, err := w.store.CreateRelease(ctx, slipway.Release{Service: "web", Repository: "web"}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.EnsureTarget(ctx, slipway.Target{ID: web, Kind: slipway.Worker}, nil); err != nil {
		w.t.Fatal(err)
	}
	d, _, err := w.store.CreateDeployment(ctx, slipway.Deployment{
		Target: web, Phase: slipway.Pending, Gates: []slipway.GateID{"lock", "approval"}, Revision: "r", Release: 1,
	}, slipway.Revision{ID: "r", Image: "sha256:1"}, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// says checks an error: its code, and a part of its words.
func says(t *testing.T, err error, code slipway.Code, text string) {
	t.Helper()
	if slipway.CodeOf(err) != code || !strings.Contains(slipway.MessageOf(err), text) {
		t.Errorf("%s %q, want %s %q", slipway.CodeOf(err), slipway.MessageOf(err), code, text)
	}
}

func TestApply(t *testing.T) {
	w := newWorld(t)
	text := "test test\nstage stage\nprod production\n"
	_, err := w.Apply(t.Context(), mei, slipway.Draft{File: "e", Text: text, After: -1})
	says(t, err, slipway.Forbidden, "mei may not declare environments")
	_, err = w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: "test\n", After: -1})
	says(t, err, slipway.Invalid, "e:2:1: nor here")

	dry, err := w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: text, After: -1, Dry: true})
	if err != nil || !dry.Dry || len(dry.Changes) != 2 || dry.Declaration.Version != 0 {
		t.Errorf("%+v, %v", dry, err)
	}
	done, err := w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: text, After: 0})
	if err != nil || done.Declaration.Version != 1 || done.Declaration.Actor != ada.Actor || done.Changes[0].Kind != slipway.Added || done.Changes[1].Environment != "prod" {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: text, After: 0})
	says(t, err, slipway.Stale, "they are at version 1, not 0")
	again, err := w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: text, After: 1})
	if err != nil || again.Declaration.Version != 1 || len(again.Changes) != 0 {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	w.pending()
	_, err = w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: "test test\n", After: -1})
	says(t, err, slipway.Conflict, `environment "prod" cannot be removed: web runs there`)
	events, err := w.store.Events(t.Context(), 0, slipway.EventFilter{}, 10)
	if err != nil || events[0].Text != "ada declared the environments, version 1: + stage: driver process, queue stage · ~ prod: previous test → –" {
		t.Errorf("%+v, %v", events[0], err)
	}
}

func TestPushAndDrift(t *testing.T) {
	w := newWorld(t)
	drift := func() *slipway.Drift {
		t.Helper()
		d, err := w.Declared(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Drift
	}
	if got, want := w.push("master", "test test\nprod p\n"), "slipway  the environments are at version 1:\n  ~ prod: previous test → –\n  ~ prod: queue production → p"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	d, _ := w.Declared(t.Context())
	if d.Version != 1 || d.Commit != "0000000000000000000000000000000000000001" || d.Actor != ada.Actor || drift() != nil {
		t.Errorf("%+v", d)
	}
	if got, want := w.push("try", "test test\nprod q\n"), "slipway  of branch try nothing is applied; it would change the environments:\n  ~ prod: queue p → q"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := w.push("master", "test test\nprod p\n"); got != "slipway  the environments stay as they are" || drift() != nil {
		t.Errorf("%s, %+v", got, drift())
	}
	if got, want := w.push("master", "test\n"), "slipway  nothing was applied of 0000000:\n  environments.yaml:1:1: no queue\n  environments.yaml:2:1: nor here"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if x := drift(); x == nil || !strings.Contains(x.Problem, "no queue") {
		t.Errorf("%+v", x)
	}
	w.push("master", "test test\nprod p\n")
	if _, err := w.Apply(t.Context(), ada, slipway.Draft{File: "e", Text: "test test\nprod hand\n", After: -1}); err != nil {
		t.Fatal(err)
	}
	if x := drift(); x == nil || len(x.Changes) != 1 || x.Changes[0].Differences[0] != (slipway.Difference{Name: "queue", From: "hand", To: "p"}) {
		t.Errorf("%+v", x)
	}
	if got := w.push("master", ""); !strings.Contains(got, "there is no file environments.yaml") {
		t.Errorf("%s", got)
	}
}

func TestLocks(t *testing.T) {
	w := newWorld(t)
	d := w.pending()
	prod := slipway.TargetID{Environment: "prod"}
	for _, test := range []struct {
		by   slipway.Principal
		t    slipway.TargetID
		why  string
		d    time.Duration
		code slipway.Code
		says string
	}{
		{vic, prod, "x", time.Hour, slipway.Forbidden, "vic may not deploy to prod"},
		{tim, prod, "x", time.Hour, slipway.Forbidden, "tim may not deploy to prod"},
		{job, prod, "x", time.Hour, slipway.Forbidden, "a job locks and unlocks nothing"},
		{mei, slipway.TargetID{Environment: "prd"}, "x", time.Hour, slipway.NotFound, `no environment "prd"; there are test, prod`},
		{mei, slipway.TargetID{Service: "wbe", Environment: "prod"}, "x", time.Hour, slipway.NotFound, `no service "wbe"; there are web`},
		{mei, prod, "", time.Hour, slipway.Invalid, "others will ask why"},
		{mei, prod, "a\nb", time.Hour, slipway.Invalid, "one line"},
		{mei, prod, "x", 0, slipway.Invalid, "from 1 second to 30 days"},
		{mei, prod, "x", 31 * 24 * time.Hour, slipway.Invalid, "from 1 second to 30 days"},
	} {
		_, err := w.Lock(t.Context(), test.by, test.t, test.why, test.d)
		says(t, err, test.code, test.says)
	}
	l, err := w.Lock(t.Context(), mei, prod, "migration", time.Hour)
	if err != nil || l.Actor != mei.Actor || l.Until.Sub(l.At) != time.Hour {
		t.Errorf("%+v, %v", l, err)
	}
	_, err = w.Lock(t.Context(), jon, prod, "mine", time.Hour)
	says(t, err, slipway.Exists, "prod is locked by mei until")
	_, err = w.Unlock(t.Context(), jon, prod)
	says(t, err, slipway.Forbidden, "prod is locked by mei; only mei or an admin may take that away")
	_, err = w.Unlock(t.Context(), jon, web)
	says(t, err, slipway.NotFound, "web in prod is not locked\nbut there is: slipway unlock prod")
	if _, err := w.Unlock(t.Context(), ada, prod); err != nil || len(w.woken) != 1 || w.woken[0] != d.Target {
		t.Errorf("%v, woken %v", err, w.woken)
	}
	if _, err := w.Lock(t.Context(), mei, web, "mine", time.Hour); err != nil {
		t.Error(err)
	}
	if _, err := w.Unlock(t.Context(), mei, web); err != nil {
		t.Error(err)
	}
}

func TestApprove(t *testing.T) {
	w := newWorld(t)
	d := w.pending()
	_, err := w.Approve(t.Context(), jon, d.ID)
	says(t, err, slipway.Conflict, "deployment 1 needs no approval")
	_, err = w.store.Declare(t.Context(), slipway.Declaration{Environments: slipway.Environments{
		{Name: "prod", Approvals: slipway.Approvals{Count: 1, Role: slipway.Deployer, NotAuthor: true}},
	}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		by   slipway.Principal
		says string
	}{
		{vic, "vic may not approve for prod; that needs a deployer"},
		{tim, "tim may not approve for prod, where they may not deploy"},
		{mei, "mei pushed this commit or asked for the deployment; in prod somebody else has to agree"},
		{job, "a job never approves"},
	} {
		_, err := w.Approve(t.Context(), test.by, d.ID)
		says(t, err, slipway.Forbidden, test.says)
	}
	_, err = w.Approve(t.Context(), jon, 9)
	says(t, err, slipway.NotFound, "9")
	for range 2 {
		if _, err := w.Approve(t.Context(), jon, d.ID); err != nil {
			t.Error(err)
		}
	}
	all, err := w.store.Approvals(t.Context(), d.ID)
	if err != nil || len(all) != 1 || all[0].Digest != "sha256:1" || all[0].Role != slipway.Deployer || len(w.woken) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}
