package buildkite_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buildkite/agent/v3/api"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway"
)

const pipeline = `env:
  IMAGE: backend:$BUILDKITE_COMMIT
  REF: $$IMAGE
steps:
  - label: ":go: Run my tests"
    key: tests
    command: ci/bin/test "$BUILDKITE_BRANCH"
    timeout_in_minutes: 5
    agents: { queue: test }
    env: { MODE: "fast-$BUILDKITE_BUILD_NUMBER", CI: "yes" }
`

func wantStatus(t *testing.T, r *api.Response, err error, status int, words string) {
	t.Helper()
	if err == nil || r == nil || r.StatusCode != status || !strings.Contains(err.Error(), words) {
		t.Errorf("got  %v\nwant %d …%s…", err, status, words)
	}
}

func TestTheWayOfAJob(t *testing.T) {
	w := newWorld(t, repository{pipeline, "Say\x00 hello\n\n" + strings.Repeat("long ", 20_000)})
	b := w.push("refs/heads/x$(id>&2)")
	c := w.agent("builder")
	j, jc := w.take(c)
	if j.Step.Command != `ci/bin/test "$BUILDKITE_BRANCH"` || j.ChunksMaxSizeBytes == 0 {
		t.Errorf("%q, chunks of %d", j.Step.Command, j.ChunksMaxSizeBytes)
	}
	want := map[string]string{
		"BUILDKITE": "true", "CI": "yes", "BUILDKITE_BUILD_ID": string(b.ID), "BUILDKITE_BUILD_NUMBER": "1", "BUILDKITE_BUILD_URL": w.url + "/builds/backend/1",
		"BUILDKITE_JOB_ID": string(b.Jobs[0].ID), "BUILDKITE_BRANCH": "x$(id>&2)", "BUILDKITE_COMMIT": string(b.Commit.Commit), "BUILDKITE_TAG": "",
		"BUILDKITE_REPO": w.url + "/git/backend.git", "BUILDKITE_COMMAND": `ci/bin/test "$BUILDKITE_BRANCH"`, "BUILDKITE_LABEL": ":go: Run my tests",
		"BUILDKITE_STEP_KEY": "tests", "BUILDKITE_BUILD_AUTHOR": "Mei", "BUILDKITE_BUILD_CREATOR": "mei", "BUILDKITE_AGENT_NAME": "builder",
		"BUILDKITE_AGENT_ENDPOINT": w.url + "/agent/v3", "BUILDKITE_AGENT_ACCESS_TOKEN": j.Token, "BUILDKITE_AGENT_META_DATA_QUEUE": "test",
		"BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_PIPELINE_SLUG": "backend", "BUILDKITE_ORGANIZATION_SLUG": "slipway", "BUILDKITE_RETRY_COUNT": "0",
		"BUILDKITE_TIMEOUT": "5", "IMAGE": "backend:" + string(b.Commit.Commit), "REF": "$IMAGE", "MODE": "fast-1",
	}
	got := map[string]string{}
	for k := range want {
		got[k] = j.Env[k]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if m := j.Env["BUILDKITE_MESSAGE"]; !strings.HasPrefix(m, "Say hello\n") || len(m) != 64<<10 {
		t.Errorf("%d bytes of message: %.20q", len(m), m)
	}

	j.StartedAt = time.Now().Format(time.RFC3339Nano)
	if _, err := jc.StartJob(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if s, _, err := jc.GetJobState(t.Context(), j.ID); err != nil || s.State != "running" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := jc.SaveHeaderTimes(t.Context(), j.ID, &api.HeaderTimes{Times: map[string]string{"0": "now"}}); err != nil {
		t.Error(err)
	}
	for i, text := range []string{"hello ", "world\n"} {
		if _, err := jc.UploadChunk(t.Context(), j.ID, &api.Chunk{Data: []byte(text), Sequence: uint64(i + 1), Offset: uint64(6 * i), Size: 6}); err != nil {
			t.Fatal(err)
		}
	}
	if beat, _, err := c.Heartbeat(t.Context()); err != nil || beat.ReceivedAt == "" {
		t.Errorf("%+v %v", beat, err)
	}
	j.ExitStatus = "0"
	if _, err := jc.FinishJob(t.Context(), j, nil); err != nil {
		t.Fatal(err)
	}
	if log, _, err := w.dispatch.Log(t.Context(), slipway.JobID(j.ID), 1, 0); err != nil || string(log) != "hello world\n" {
		t.Errorf("%q %v", log, err)
	}
	if s := w.state(b.ID); s != slipway.BuildPassed {
		t.Errorf("the build is %s", s)
	}
	r, err := jc.FinishJob(t.Context(), j, nil)
	wantStatus(t, r, err, http.StatusUnauthorized, "")
	if _, err := c.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t, repository{strings.Repeat("- command: a\n  agents: {queue: test}\n", 2), "m"})
	w.push("refs/heads/main")
	ctx := t.Context()
	_, r, err := w.client("sla_unknown").Register(ctx, &api.AgentRegisterRequest{Name: "a"})
	wantStatus(t, r, err, http.StatusUnauthorized, "not known")
	_, r, err = w.client(registration).Register(ctx, &api.AgentRegisterRequest{Name: "a", Tags: []string{"queue=production"}})
	wantStatus(t, r, err, http.StatusForbidden, `this token is for agents of queue test, not "production"`)
	_, r, err = w.client(registration).Ping(ctx)
	wantStatus(t, r, err, http.StatusForbidden, "not the token of an agent")

	c := w.agent("a")
	_, r, err = c.Register(ctx, &api.AgentRegisterRequest{Name: "b"})
	wantStatus(t, r, err, http.StatusForbidden, "does not register agents")
	j, jc := w.take(c)
	other, _ := w.take(w.agent("b"))
	r, err = c.StartJob(ctx, j) // the agent's own token
	wantStatus(t, r, err, http.StatusForbidden, "needs the token that came with the job")
	r, err = jc.StartJob(ctx, other)
	wantStatus(t, r, err, http.StatusForbidden, "another job's")
	_, r, err = c.AcceptJob(ctx, other.ID)
	wantStatus(t, r, err, http.StatusUnprocessableEntity, "not to be had")
	_, r, err = c.AcceptJob(ctx, "0190b2c4-5d6e-7f80-9a0b-1c2d3e4f5a6b")
	wantStatus(t, r, err, http.StatusNotFound, "")
	_, r, err = c.AcquireJob(ctx, j.ID)
	wantStatus(t, r, err, http.StatusNotFound, "not supported yet")
	_, _, err = jc.Ping(ctx)
	if err == nil {
		t.Error("a job may ping")
	}
	j.ExitStatus = "zero"
	r, err = jc.FinishJob(ctx, j, nil)
	wantStatus(t, r, err, http.StatusBadRequest, "exit_status")
	r, err = jc.UploadChunk(ctx, j.ID, &api.Chunk{Data: []byte("abc"), Sequence: 1, Size: 4})
	wantStatus(t, r, err, http.StatusBadRequest, "has 3 bytes and says 4")
	r, err = jc.UploadChunk(ctx, j.ID, &api.Chunk{Data: make([]byte, 64<<20), Sequence: 1, Size: 64 << 20}) // a bomb: 64 KiB on the wire
	wantStatus(t, r, err, http.StatusRequestEntityTooLarge, "")
}

func TestBodiesAreBounded(t *testing.T) {
	w := newWorld(t, repository{"- wait", "m"})
	endless := io.LimitReader(zeros{}, 1<<40)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/agent/v3/register", io.MultiReader(strings.NewReader(`{"name": "`), endless))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+registration)
	r, err := http.DefaultClient.Do(req)
	if err == nil {
		defer func() { _ = r.Body.Close() }()
		if r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Error(r.Status)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestALostAttemptIsShutOut(t *testing.T) {
	w := newWorld(t, repository{pipeline, "m"})
	w.push("refs/heads/main")
	c := w.agent("a")
	j, jc := w.take(c)
	if _, err := c.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, _ := w.take(w.agent("b"))
	if again.ID != j.ID || again.Env["BUILDKITE_RETRY_COUNT"] != "1" {
		t.Errorf("%s then %s", j.ID, again.ID)
	}
	j.ExitStatus = "0"
	r, err := jc.FinishJob(t.Context(), j, nil)
	wantStatus(t, r, err, http.StatusUnauthorized, "")
	_, r, err = jc.GetJobState(t.Context(), j.ID)
	wantStatus(t, r, err, http.StatusUnauthorized, "")
}

func TestCancelingIsTold(t *testing.T) {
	w := newWorld(t, repository{pipeline, "m"})
	b := w.push("refs/heads/main")
	j, jc := w.take(w.agent("a"))
	mei := slipway.Principal{Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}, Role: slipway.Deployer}
	if _, err := w.dispatch.Cancel(t.Context(), b.ID, mei); err != nil {
		t.Fatal(err)
	}
	if s, _, err := jc.GetJobState(t.Context(), j.ID); err != nil || s.State != "canceling" {
		t.Errorf("%+v %v", s, err)
	}
}

func TestTwoAgentsRaceForOneJob(t *testing.T) {
	w := newWorld(t, repository{pipeline, "m"})
	b := w.push("refs/heads/main")
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		c := w.agent(name)
		wg.Go(func() {
			_, r, err := c.AcceptJob(t.Context(), string(b.Jobs[0].ID))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case r.StatusCode == http.StatusUnprocessableEntity:
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 3 {
		t.Errorf("%d agents have the job, %d were refused", won, lost)
	}
}

func TestAPingIsHeldOpen(t *testing.T) {
	w := newWorld(t, repository{pipeline, "m"})
	c := w.agent("a")
	got := make(chan *api.Ping, 1)
	go func() {
		p, _, err := c.Ping(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	select {
	case p := <-got:
		t.Fatalf("the ping was answered with %+v", p)
	case <-time.After(50 * time.Millisecond):
	}
	b := w.push("refs/heads/main")
	if p := <-got; p == nil || p.Job == nil || p.Job.ID != string(b.Jobs[0].ID) {
		t.Errorf("%+v", p)
	}
}

// TestAJobStartsAtOnce measures from the moment a job is ready to the moment an
// idle agent has accepted it, over HTTP.
func TestAJobStartsAtOnce(t *testing.T) {
	const jobs, agents, bar = 500, 2, 50 * time.Millisecond
	w := newWorld(t, repository{"- command: a\n  agents: {queue: test}\n", "m"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = w.dispatch.Run(ctx) }()
	type accepted struct {
		job *api.Job
		at  time.Time
	}
	got := make(chan accepted)
	var wg sync.WaitGroup
	for range agents {
		c := w.agent("a")
		wg.Go(func() {
			for {
				p, _, err := c.Ping(ctx)
				if err != nil {
					return
				}
				if p.Job == nil {
					continue
				}
				j, _, err := c.AcceptJob(ctx, p.Job.ID)
				if err != nil {
					t.Error(err)
					return
				}
				got <- accepted{j, time.Now()}
			}
		})
	}
	var took []time.Duration
	for range jobs {
		w.push("refs/heads/main")
		a := <-got
		ready, err := time.Parse(time.RFC3339Nano, a.job.RunnableAt)
		if err != nil {
			t.Fatal(err)
		}
		took = append(took, a.at.Sub(ready))
		a.job.ExitStatus = "0"
		if _, err := w.client(a.job.Token).FinishJob(ctx, a.job, nil); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	slices.Sort(took)
	p99 := took[jobs*99/100]
	t.Logf("%d jobs, ready → accepted: p50 %s, p99 %s, most %s (bar %s)", jobs, took[jobs/2], p99, took[jobs-1], bar)
}

func TestLogsOfAnySizeArriveWhole(t *testing.T) {
	w := newWorld(t, repository{pipeline, "m"})
	w.push("refs/heads/main")
	j, jc := w.take(w.agent("a"))
	var sent bytes.Buffer
	for i := range 30 {
		piece := bytes.Repeat([]byte{byte('a' + i%26)}, 100<<10)
		for range 1 + i%2 { // every other piece twice
			_, err := jc.UploadChunk(t.Context(), j.ID, &api.Chunk{Data: piece, Sequence: uint64(i + 1), Offset: uint64(sent.Len()), Size: uint64(len(piece))})
			if err != nil {
				t.Fatal(err)
			}
		}
		sent.Write(piece)
	}
	var got []byte
	for {
		data, next, err := w.dispatch.Log(t.Context(), slipway.JobID(j.ID), 1, int64(len(got)))
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, data...); next != int64(len(got)) || len(data) == 0 {
			break
		}
	}
	if !bytes.Equal(got, sent.Bytes()) {
		t.Errorf("%d bytes, sent %d", len(got), sent.Len())
	}
}
