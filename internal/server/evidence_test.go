package server_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// looked keeps looks at a candidate of web in prod that fails so often, beside one
// that fails at one of a thousand requests: ten of each a look, 250 ms apart.
func (w *world) looked(looks int, fails float64) api.Deployment {
	w.t.Helper()
	return w.lookedBeside("g0", 1000, looks, fails)
}

// lookedBeside has the candidate's weight, and the group that serves beside it; "":
// nothing does.
func (w *world) lookedBeside(stable slipway.GroupID, weight slipway.BasisPoints, looks int, fails float64) api.Deployment {
	w.t.Helper()
	ctx := w.t.Context()
	d, err := w.admin.Deploy(ctx, api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy", Release: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	id := slipway.TargetID{Service: "web", Environment: "prod"}
	if _, err := w.store.Acquire(ctx, id, "me", time.Minute); err != nil {
		w.t.Fatal(err)
	}
	s, err := w.store.LoadState(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().UTC()
	s.Deployment.Phase, s.Deployment.StartedAt, s.Deployment.Stable = slipway.Progressing, now, stable
	s.Deployment.Stages = []slipway.Stage{{New: 1, Old: 1, Weight: weight, Leased: true, Gates: []slipway.GateID{slipway.GateEvidence}}}
	if s.Target.Fence, err = w.store.CommitState(ctx, "me", s.Target.Fence, s); err != nil {
		w.t.Fatal(err)
	}
	var more slipway.Looks
	r := rand.New(rand.NewPCG(1, 2))
	for n := range looks {
		b := evidence.Batch{At: now.Add(time.Duration(n+1) * 250 * time.Millisecond), Since: now.Add(time.Duration(n) * 250 * time.Millisecond),
			Split: s.Target.Fence, Weight: weight, Canary: []evidence.Sample{sample(r, "i-2", 16, fails)}}
		if stable != "" {
			b.Baseline = []evidence.Sample{sample(r, "i-1", 144, .001)}
		}
		b.Canary[0].Classes = []evidence.Class{{ID: "x", Title: "IllegalStateException: <no route>", Count: 1}}
		text, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		more.Batches = append(more.Batches, text)
	}
	more.Ledger = []byte("{}")
	if err := w.store.AppendEvidence(ctx, "me", s.Target.Fence, id, slipway.DeploymentID(d.ID), 0, more); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func sample(r *rand.Rand, of slipway.InstanceID, requests int, fails float64) evidence.Sample {
	s := evidence.Sample{Instance: of, Tally: slipway.Tally{Failures: map[slipway.Failure]uint64{}, Took: slipway.Histogram{}}}
	bad := false
	for n := range requests {
		failed := r.Float64() < fails
		bad = bad || failed
		if s.Requests++; failed {
			s.Failures[slipway.FailedAnswer]++
		}
		s.Took[slipway.BucketOf(time.Duration(20e6*(1+r.ExpFloat64())))]++
		if n%slipway.CellSize == slipway.CellSize-1 {
			if s.Cells.All++; bad {
				s.Cells.Failed++
			}
			bad = false
		}
	}
	return s
}

// judging makes every revision one that is judged.
func judging(w *world) { w.evidence = &slipway.DefaultEvidence }

func TestAVerdictIsFoundAgain(t *testing.T) {
	w := newWorld(t)
	judging(w)
	d := w.looked(100, .2)
	got, err := w.viewer.Deployment(t.Context(), d.ID)
	if err != nil || got.Evidence == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	e := *got.Evidence
	if e.Verdict != "rollback" || !strings.HasPrefix(e.Why, "ROLLED BACK after ") || e.RatioLow < 1.2 || e.Limit != 100 || e.Evidence < 100 ||
		e.Metrics[0].Name != "errors" || e.Metrics[0].Canary.All == 0 || len(e.Quantiles) != 5 || e.Errors[0].Title != "IllegalStateException: <no route>" || e.Errors[0].Canary == 0 {
		b, _ := json.MarshalIndent(e, "", " ")
		t.Errorf("%s", b)
	}
	if e.Worst != "i-2" || got.Blamed != "i-2" {
		t.Errorf("the instance to look at is %q, %q", e.Worst, got.Blamed)
	}
	if last := e.History[len(e.History)-1]; last.RatioLow != e.RatioLow || last.Weight != 1000 || len(last.Metrics) != len(e.Metrics) {
		t.Errorf("the last point is %+v", last)
	}
	target, err := w.viewer.Target(t.Context(), "web", "prod")
	if m := target.Moving; err != nil || m == nil || m.Evidence.Verdict != "rollback" || m.Evidence.History != nil {
		t.Errorf("of what moves it is shown %+v, %v", m, err)
	}
	if got, err := w.job.Deployment(t.Context(), d.ID); err != nil || got.Evidence.Verdict != "rollback" || got.Evidence.Errors != nil {
		t.Errorf("a job that may not read what instances print there sees %+v, %v", got.Evidence, err)
	}
}

func TestAnybodyMayJudgeAnew(t *testing.T) {
	w := newWorld(t)
	judging(w)
	d := w.looked(100, .2)
	kept, err := w.viewer.Evidence(t.Context(), d.ID)
	if err != nil || len(kept.Batches) != 100 {
		t.Fatalf("%d batches, %v", len(kept.Batches), err)
	}
	var rules slipway.Evidence
	if err := json.Unmarshal(kept.Rules, &rules); err != nil {
		t.Fatal(err)
	}
	j := evidence.New(rules, slipway.Kind(kept.Kind))
	for _, text := range kept.Batches {
		var b evidence.Batch
		if err := errors.Join(json.Unmarshal(text, &b), j.Look(b)); err != nil {
			t.Fatal(err)
		}
	}
	shown, err := w.viewer.Deployment(t.Context(), d.ID)
	if v := j.Verdict(); err != nil || v.Why != shown.Evidence.Why {
		t.Errorf("%s; shown: %s, %v", v.Why, shown.Evidence.Why, err)
	}
	for cells, first := range map[bool]string{false: "16,", true: "2,"} {
		r, err := w.viewer.EvidenceCSV(t.Context(), d.ID, cells)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		_ = r.Close()
		lines := strings.Split(string(text), "\n")
		if err != nil || len(lines) != 102 || lines[0] != "nC,xC,nB,xB" || !strings.HasPrefix(lines[1], first) {
			t.Errorf("cells %v: %.80s, %v", cells, text, err)
		}
	}
	if _, err := w.job.Evidence(t.Context(), d.ID); codeOf(err) != "forbidden" {
		t.Errorf("a job that may not read what instances print there: %v", err)
	}
}

func TestAPictureOfTheEvidence(t *testing.T) {
	w := newWorld(t)
	judging(w)
	d := w.looked(100, .2)
	r, err := w.viewer.EvidencePicture(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if path := os.Getenv("SLIPWAY_SCREENSHOTS"); path != "" {
		_ = os.WriteFile(filepath.Join(path, "evidence.svg"), text, 0o600)
	}
	if err != nil || !strings.Contains(string(text), "ROLLED BACK after") {
		t.Fatalf("%s, %v", text, err)
	}
	for in := xml.NewDecoder(strings.NewReader(string(text))); ; {
		if _, err := in.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
}

func TestWhatIsNotJudgedHasNoEvidence(t *testing.T) {
	w := newWorld(t)
	d, err := w.admin.Deploy(t.Context(), api.CreateDeployment{Service: "web", Environment: "prod", Kind: "deploy", Release: 1})
	if err != nil || d.Evidence != nil {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := w.viewer.Evidence(t.Context(), d.ID); codeOf(err) != "not_found" {
		t.Error(err)
	}
	if _, err := w.viewer.EvidencePicture(t.Context(), d.ID); codeOf(err) != "not_found" {
		t.Error(err)
	}
}

func TestAServiceTellsOfItsPlacebo(t *testing.T) {
	w := newWorld(t)
	if _, err := w.job.PublishRelease(t.Context(), api.PublishRelease{Service: "web", Image: string(image), Manifest: "service: web", Path: "slipway.yaml"}); err != nil {
		t.Fatal(err)
	}
	for env, alarms := range map[slipway.EnvironmentName]int{"test": 0, "prod": 1} {
		if err := w.store.AddPlacebo(t.Context(), slipway.TargetID{Service: "web", Environment: env}, 212, alarms); err != nil {
			t.Fatal(err)
		}
	}
	p, err := w.server.Places(t.Context(), "web")
	if err != nil || p.Environments[0].Placebo != (api.Placebo{Trials: 212}) || p.Environments[1].Placebo != (api.Placebo{Trials: 212, Alarms: 1}) {
		t.Errorf("%+v, %v", p.Environments, err)
	}
}

// A first release has nothing beside it: no ratio, nothing stable, and a verdict that
// does not say that it went back.
func TestAFirstReleaseIsShownAlone(t *testing.T) {
	w := newWorld(t)
	judging(w)
	d := w.lookedBeside("", slipway.All, 100, .2)
	got, err := w.viewer.Deployment(t.Context(), d.ID)
	if err != nil || got.Evidence == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if e := got.Evidence; e.Verdict != "worse" || !e.First || e.SLO != .01 || !strings.HasPrefix(e.Why, "WORSE after ") || e.BaselineRequests != 0 {
		t.Errorf("%+v", e)
	}
	kept, err := w.viewer.Evidence(t.Context(), d.ID)
	if err != nil || !kept.First {
		t.Errorf("who judges anew hears %v, %v", kept.First, err)
	}
	r, err := w.viewer.EvidencePicture(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if s := string(text); err != nil || !strings.Contains(s, "is held at 100 to 1") || strings.Contains(s, "stable<") || strings.Contains(s, "candidate to") {
		t.Errorf("%v: %s", err, s)
	}
}
