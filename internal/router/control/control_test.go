package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
	"github.com/slipway-cd/slipway/internal/router/control"
	"github.com/slipway-cd/slipway/internal/router/routertest"
	"github.com/slipway-cd/slipway/internal/router/wire"
)

var target = slipway.TargetID{Service: "thoughts-backend", Environment: "prod"}

const topic = "target/thoughts-backend/prod"

// desk is a server's side with a clock that stands until it is moved.
type desk struct {
	*testing.T
	*control.Control
	store *routertest.Store
	hub   *routertest.Hub
	now   time.Time
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, store: routertest.NewStore(), hub: &routertest.Hub{}, now: time.Unix(1_800_000_000, 0)}
	d.restart()
	return d
}

func (d *desk) restart() {
	d.Control = control.New(d.store, d.hub, routertest.Tokens{}, func() time.Time { return d.now }, nil)
}

func (d *desk) call(method, path, token, body string) *httptest.ResponseRecorder {
	d.Helper()
	req := httptest.NewRequestWithContext(d.Context(), method, path, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	rec := httptest.NewRecorder()
	d.Handler().ServeHTTP(rec, req)
	return rec
}

func (d *desk) report(s wire.Status) int {
	d.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		d.Fatal(err)
	}
	return d.call("POST", wire.StatusPath, "slr_"+string(s.Router), string(text)).Code
}

func (d *desk) observe() []slipway.RouteStatus {
	d.Helper()
	all, err := d.Observe(d.Context(), target)
	if err != nil {
		d.Fatal(err)
	}
	return all
}

func fence(g uint64) slipway.Fence { return slipway.Fence{Epoch: 1, Generation: g} }

func said(process wire.Process, sequence uint64, t wire.Target) wire.Status {
	t.Target = target
	return wire.Status{Router: "r1", Process: process, Sequence: sequence, Targets: []wire.Target{t}}
}

func TestWithoutRoutersThereIsNobodyToWaitFor(t *testing.T) {
	d := newDesk(t)
	if err := d.Apply(t.Context(), slipway.Route{Target: target, Fence: fence(1)}); err != nil {
		t.Fatal(err)
	}
	if all := d.observe(); len(all) != 1 || all[0].Fence != (slipway.Fence{}) {
		t.Errorf("just after the start, when the register may have been lost: %+v", all)
	}
	d.now = d.now.Add(2 * time.Second)
	if all := d.observe(); all == nil || len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestOnlyWhatAPlanMayDependOnWakes(t *testing.T) {
	d, self := newDesk(t), wire.Self()
	for n, step := range []struct {
		name  string
		says  wire.Target
		wakes bool
	}{
		{"the first report", wire.Target{}, true},
		{"a fence", wire.Target{Fence: fence(1)}, true},
		{"requests", wire.Target{Fence: fence(1), Requests: 10, InFlight: map[slipway.InstanceID]int{"a": 3}}, false},
		{"a drain begins", wire.Target{Fence: fence(2), Draining: map[slipway.InstanceID]int{"a": 2}}, true},
		{"a drain goes on", wire.Target{Fence: fence(2), Draining: map[slipway.InstanceID]int{"a": 1}}, false},
		{"a drain ends", wire.Target{Fence: fence(2)}, true},
		{"trouble", wire.Target{Fence: fence(2), Why: "port 7100 cannot be opened"}, true},
		{"the same trouble", wire.Target{Fence: fence(2), Why: "port 7100 cannot be opened"}, false},
	} {
		before := d.hub.Count(topic)
		if code := d.report(said(self, uint64(n+1), step.says)); code != http.StatusNoContent {
			t.Fatalf("%s: %d", step.name, code)
		}
		if woken := d.hub.Count(topic) > before; woken != step.wakes {
			t.Errorf("%s: woken %v", step.name, woken)
		}
	}
}

func TestALateReportIsNotNews(t *testing.T) {
	d, self := newDesk(t), wire.Self()
	d.report(said(self, 2, wire.Target{Fence: fence(2), Draining: map[slipway.InstanceID]int{"a": 1}, InFlight: map[slipway.InstanceID]int{"a": 1, "b": 1}}))
	d.report(said(self, 1, wire.Target{Fence: fence(1)}))
	all := d.observe()
	if len(all) != 1 || all[0].Fence != fence(2) || all[0].InFlight["a"] != 2 || all[0].InFlight["b"] != 1 {
		t.Errorf("%+v", all)
	}
}

func TestASilentRouterCountsUntilItIsProvenDead(t *testing.T) {
	d := newDesk(t)
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := procid.Of(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	process := wire.Process{Host: wire.Self().Host, ID: id}
	d.report(said(process, 1, wire.Target{Fence: fence(3)}))

	d.now = d.now.Add(time.Hour)
	if all := d.observe(); len(all) != 1 || all[0].Fence != fence(3) || !strings.Contains(all[0].Why, "silent for 1h") {
		t.Errorf("silent: %+v", all)
	}
	d.restart()
	if all := d.observe(); len(all) != 1 || all[0].Fence != (slipway.Fence{}) || !strings.Contains(all[0].Why, "not been heard") {
		t.Errorf("not heard by the new server: %+v", all)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if all := d.observe(); len(all) != 1 {
		t.Errorf("dead, and perhaps just starting again: %+v", all)
	}
	d.now = d.now.Add(2 * time.Second)
	if all := d.observe(); len(all) != 0 {
		t.Errorf("dead: %+v", all)
	}
}

func TestWhatProvesADeath(t *testing.T) {
	self := wire.Self()
	with := func(change func(*wire.Process)) wire.Process {
		p := self
		change(&p)
		return p
	}
	for name, c := range map[string]struct {
		process wire.Process
		ended   bool
	}{
		"alive":                            {self, false},
		"its number is another's":          {with(func(p *wire.Process) { p.Start++ }), true},
		"its machine was booted":           {with(func(p *wire.Process) { p.Boot = "before" }), true},
		"another machine":                  {with(func(p *wire.Process) { p.Host = "m/other/pid:[1]"; p.PID = 1 << 22 }), false},
		"another machine's boot":           {with(func(p *wire.Process) { p.Host = "m/other/pid:[1]"; p.Boot = "before" }), false},
		"another namespace of this one":    {with(func(p *wire.Process) { p.Host += "x"; p.PID = 1 << 22 }), false},
		"a machine that has no name":       {with(func(p *wire.Process) { p.Host = "/" + strings.SplitN(p.Host, "/", 2)[1]; p.Boot = "before" }), false},
		"no process was ever named at all": {wire.Process{}, false},
	} {
		if got := c.process.Ended(); got != c.ended {
			t.Errorf("%s: ended %v", name, got)
		}
	}
}

func TestWhoMaySucceedARouter(t *testing.T) {
	self := wire.Self()
	elsewhere := wire.Process{Host: "m1/host1/pid:[1]", ID: procid.ID{Boot: "b1", PID: 10, Start: 1}}
	restarted := wire.Process{Host: "m1/host1/pid:[2]", ID: procid.ID{Boot: "b1", PID: 20, Start: 2}}
	d := newDesk(t)
	for n, step := range []struct {
		name string
		by   wire.Process
		code int
	}{
		{"a first process", elsewhere, http.StatusNoContent},
		{"its successor on that machine", restarted, http.StatusNoContent},
		{"another machine, while the other may serve", self, http.StatusConflict},
	} {
		if code := d.report(said(step.by, 1, wire.Target{Requests: 5, Fence: fence(uint64(n + 1))})); code != step.code {
			t.Errorf("%s: %d", step.name, code)
		}
	}
	if all := d.observe(); len(all) != 1 || all[0].Fence != fence(2) {
		t.Errorf("%+v", all)
	}
	if c := d.Counts(target); c.Requests != 10 {
		t.Errorf("a restarted router's requests are lost: %+v", c)
	}
	if err := d.Forget(t.Context(), "r1"); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("one that serves was forgotten: %v", err)
	}
	if err := d.Forget(t.Context(), "r2"); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("one that never was: %v", err)
	}
	d.now = d.now.Add(time.Minute)
	if err := d.Forget(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	if all := d.observe(); len(all) != 0 {
		t.Errorf("forgotten: %+v", all)
	}
	if code := d.report(said(self, 1, wire.Target{})); code != http.StatusNoContent || len(d.observe()) != 1 {
		t.Errorf("after the other was forgotten: %d", code)
	}
}

func TestRates(t *testing.T) {
	d, self := newDesk(t), wire.Self()
	for n := range uint64(5) {
		d.report(said(self, 2*n+1, wire.Target{Requests: 400 * n, Errors: n}))
		d.report(said(self, 2*n+2, wire.Target{Requests: 400 * n, Errors: n})) // an extra one, at once
		d.now = d.now.Add(time.Second)
	}
	if c := d.Counts(target); c != (control.Counts{Requests: 1600, Errors: 4, PerSecond: 400}) {
		t.Errorf("%+v", c)
	}
	d.now = d.now.Add(time.Minute)
	if c := d.Counts(target); c.PerSecond != 0 || c.Requests != 1600 {
		t.Errorf("a silent router's rate is not known: %+v", c)
	}
}

func TestApply(t *testing.T) {
	d := newDesk(t)
	apply := func(g uint64, port int) error {
		return d.Apply(t.Context(), slipway.Route{Target: target, Fence: fence(g), Port: port})
	}
	if err := apply(2, 1); err != nil || d.hub.Count("routes") != 1 {
		t.Errorf("%v, woken %d times", err, d.hub.Count("routes"))
	}
	if err := apply(2, 1); err != nil || d.hub.Count("routes") != 1 {
		t.Errorf("%v, woken for nothing", err)
	}
	if err := apply(1, 1); slipway.CodeOf(err) != slipway.Stale {
		t.Errorf("a stale owner: %v", err)
	}
}

func TestPolls(t *testing.T) {
	d := newDesk(t)
	if err := d.Apply(t.Context(), slipway.Route{Target: target, Fence: fence(1), Port: 7100}); err != nil {
		t.Fatal(err)
	}
	d.report(said(wire.Self(), 1, wire.Target{}))
	rec := d.call("GET", wire.TablePath+"?router=r1&epoch=0&version=0", "slr_r1", "")
	var table wire.Table
	if err := json.Unmarshal(rec.Body.Bytes(), &table); err != nil || table.Version != 1 || len(table.Routes) != 1 || table.Routes[0].Port != 7100 {
		t.Errorf("%s, %v", rec.Body, err)
	}
	held := fmt.Sprintf("%s?router=r1&epoch=1&version=%d&hold=", wire.TablePath, table.Version)
	if rec := d.call("GET", held+"10", "slr_r1", ""); rec.Code != http.StatusNoContent {
		t.Errorf("nothing new: %d %s", rec.Code, rec.Body)
	}
	time.AfterFunc(20*time.Millisecond, func() {
		_ = d.Apply(d.Context(), slipway.Route{Target: target, Fence: fence(2), Port: 7100})
	})
	start := time.Now()
	if rec := d.call("GET", held+"20000", "slr_r1", ""); rec.Code != http.StatusOK || time.Since(start) > 5*time.Second {
		t.Errorf("a change: %d after %v", rec.Code, time.Since(start))
	}
}

// A router that is not registered, because it has just started or the database
// was restored, might send requests by its table to whom nobody knows that it does.
func TestATableIsForThoseWhoCount(t *testing.T) {
	d := newDesk(t)
	if err := d.Apply(t.Context(), slipway.Route{Target: target, Fence: fence(1), Port: 7100}); err != nil {
		t.Fatal(err)
	}
	poll := wire.TablePath + "?router=r1&epoch=0&version=0&hold="
	if rec := d.call("GET", poll+"10", "slr_r1", ""); rec.Code != http.StatusNoContent {
		t.Errorf("before any report: %d %s", rec.Code, rec.Body)
	}
	gone := wire.Self()
	gone.Start++
	d.report(said(gone, 1, wire.Target{}))
	if rec := d.call("GET", poll+"10", "slr_r1", ""); rec.Code != http.StatusNoContent {
		t.Errorf("when the process that reported is no more: %d %s", rec.Code, rec.Body)
	}
	time.AfterFunc(20*time.Millisecond, func() { d.report(said(wire.Self(), 1, wire.Target{})) })
	start := time.Now()
	if rec := d.call("GET", poll+"20000", "slr_r1", ""); rec.Code != http.StatusOK || time.Since(start) > 5*time.Second {
		t.Errorf("as soon as it counts: %d after %v", rec.Code, time.Since(start))
	}
	if len(d.observe()) != 1 {
		t.Error("it has a table and does not count")
	}
}

func TestWhoIsLetIn(t *testing.T) {
	d := newDesk(t)
	status, _ := json.Marshal(said(wire.Self(), 1, wire.Target{}))
	big := bytes.Repeat([]byte(" "), wire.MaxStatus+1)
	for name, c := range map[string]struct {
		method, path, token, body string
		code                      int
	}{
		"no token":           {"GET", wire.TablePath + "?router=r1", "", "", http.StatusUnauthorized},
		"an unknown token":   {"GET", wire.TablePath + "?router=r1", "slu_x", "", http.StatusUnauthorized},
		"not a router's":     {"GET", wire.TablePath + "?router=r1", "slr_", "", http.StatusForbidden},
		"another's table":    {"GET", wire.TablePath + "?router=r1", "slr_r2", "", http.StatusForbidden},
		"another's report":   {"POST", wire.StatusPath, "slr_r2", string(status), http.StatusForbidden},
		"not a number":       {"GET", wire.TablePath + "?router=r1&epoch=x", "slr_r1", "", http.StatusBadRequest},
		"no report":          {"POST", wire.StatusPath, "slr_r1", "{", http.StatusBadRequest},
		"too large a report": {"POST", wire.StatusPath, "slr_r1", string(big), http.StatusRequestEntityTooLarge},
	} {
		if rec := d.call(c.method, c.path, c.token, c.body); rec.Code != c.code {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	d.now = d.now.Add(2 * time.Second)
	if len(d.observe()) != 0 {
		t.Error("who was refused is registered")
	}
}
