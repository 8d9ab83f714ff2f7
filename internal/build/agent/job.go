package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/buildkite/agent/v3/api"

	"github.com/slipway-cd/slipway"
)

// Why a job ends before its command does.
var (
	errLost     = errors.New("the attempt is lost")
	errCanceled = errors.New("the job was cancelled")
	errTimeout  = errors.New("the job ran out of time")
	errStopping = errors.New("the agent stops")
	errLog      = errors.New("the log cannot be kept")
)

// job is one attempt of a job, on its agent.
type job struct {
	*Agent
	spec *api.Job
	me   *api.AgentRegisterResponse
	as   *api.Client // with the attempt's token

	began time.Time
	limit time.Duration // how long it may take; 0: for ever
}

func (a *Agent) newJob(spec *api.Job, me *api.AgentRegisterResponse) *job {
	return &job{Agent: a, spec: spec, me: me, as: a.client(spec.Token), began: time.Now(), limit: timeout(spec.Env["BUILDKITE_TIMEOUT"])}
}

// run carries the job out and reports how it ended. It returns false when the
// attempt was lost.
func (j *job) run(ctx context.Context) bool {
	attempt, lose := context.WithCancelCause(context.WithoutCancel(ctx)) // until it is lost
	defer lose(nil)
	running, end := context.WithCancelCause(attempt) // until it should end
	defer end(nil)
	defer context.AfterFunc(ctx, func() { end(errStopping) })()
	if j.limit > 0 {
		defer time.AfterFunc(j.limit+j.overtime, func() { end(errTimeout) }).Stop()
	}
	var wg sync.WaitGroup
	wg.Go(func() { j.watch(attempt, lose, end) })

	status := outcome{code: -1}
	err := j.start(attempt)
	if err == nil {
		status, err = j.perform(attempt, running, lose, end)
	}
	if err == nil {
		err = j.finish(attempt, status)
	}
	if err != nil {
		j.Logger.WarnContext(ctx, "the attempt was lost", "job", j.spec.ID, "err", err)
	} else {
		j.Logger.InfoContext(ctx, "job ended", "job", j.spec.ID, "status", status.String())
	}
	lose(nil)
	wg.Wait()
	for _, dir := range []string{j.path("job"), j.path("checkout")} {
		if problem := removeAll(dir); problem != nil {
			j.Logger.WarnContext(ctx, "clean up", "err", problem)
		}
	}
	return err == nil
}

// perform runs the job and delivers its log. Its error is that the attempt was
// lost.
func (j *job) perform(attempt, running context.Context, lose, end context.CancelCauseFunc) (outcome, error) {
	s, err := newSpool(j.path("job"))
	if err != nil {
		j.Logger.ErrorContext(running, "no place for the log", "job", j.spec.ID, "err", err)
		return outcome{code: -1, reason: "agent_stop"}, nil
	}
	defer s.discard()
	out := newOutput(s, j.secrets(), func(err error) { end(fmt.Errorf("%w: %w", errLog, err)) })
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.upload(attempt, j.send, int64(j.spec.ChunksMaxSizeBytes)); err != nil {
			lose(errLost)
		}
	})
	status := j.steps(running, out)
	out.Close()
	wg.Wait()
	return status, context.Cause(attempt)
}

// steps checks out and runs the command.
func (j *job) steps(ctx context.Context, out *output) outcome {
	dir := j.path("checkout", folderName(j.spec.Env["BUILDKITE_REPO"]))
	out.printf("~~~ Checkout %s\n", slipway.Commit(j.spec.Env["BUILDKITE_COMMIT"]).Short())
	if err := j.checkout(ctx, dir); err != nil {
		if ctx.Err() != nil {
			return j.explain(ctx, out, outcome{code: -1})
		}
		out.printf("✗ %s\n", slipway.MessageOf(err))
		j.Logger.WarnContext(ctx, "checkout", "job", j.spec.ID, "err", err)
		return outcome{code: 1}
	}
	command := j.command()
	script := j.path("job", "script")
	if err := os.WriteFile(script, []byte(command+"\n"), 0o600); err != nil {
		out.printf("✗ The command cannot be written to the agent's disk: %v\n", err)
		return outcome{code: 1}
	}
	first, _, _ := strings.Cut(strings.TrimSpace(command), "\n")
	out.printf("+++ %s\n", first)
	status, err := j.execute(ctx, dir, j.environment(dir), out, "bash", "-euo", "pipefail", script)
	if err != nil {
		out.printf("✗ The command cannot be started: %v\n", err)
		return outcome{code: 127}
	}
	return j.explain(ctx, out, status)
}

// explain tells in the log, and in the outcome, why a job ended that did not end
// by itself.
func (j *job) explain(ctx context.Context, out *output, status outcome) outcome {
	switch cause := context.Cause(ctx); {
	case cause == nil:
	case errors.Is(cause, errTimeout):
		status.reason = "timeout"
		out.printf("\n✗ Stopped: it did not end within %s.\n", j.limit)
	case errors.Is(cause, errCanceled):
		status.reason = "cancel"
		out.printf("\n✗ Stopped: it was cancelled.\n")
	case errors.Is(cause, errStopping):
		status.reason = "agent_stop"
		out.printf("\n✗ Stopped: the agent was told to stop.\n")
	default:
		status.reason = "agent_stop"
		out.printf("\n✗ Stopped: %v.\n", cause)
	}
	if status.reason != "" && status.code == 0 && status.signal == "" {
		status.code = -1 // it would have ended well, had it been let
	}
	return status
}

// command is what the step says.
func (j *job) command() string {
	if c := j.spec.Env["BUILDKITE_COMMAND"]; c != "" {
		return c
	}
	return j.spec.Step.Command
}

// timeout reads how long a job may take, in minutes; 0 is for ever.
func timeout(v string) time.Duration {
	minutes, err := strconv.ParseFloat(v, 64)
	if err != nil || minutes <= 0 || minutes > 1e6 {
		return 0
	}
	return time.Duration(minutes * float64(time.Minute))
}

func (j *job) start(ctx context.Context) error {
	j.spec.StartedAt = stamp()
	return j.call(ctx, "start", func(ctx context.Context) error {
		_, err := j.as.StartJob(ctx, j.spec)
		return err
	})
}

// send delivers a piece of the log. One that the server does not take, though
// the attempt goes on, is counted and left out.
func (j *job) send(ctx context.Context, c *api.Chunk) error {
	err := j.call(ctx, "chunk", func(ctx context.Context) error {
		_, err := j.as.UploadChunk(ctx, j.spec.ID, c)
		return err
	})
	if api.IsErrHavingStatus(err, http.StatusBadRequest) || api.IsErrHavingStatus(err, http.StatusRequestEntityTooLarge) {
		j.Logger.WarnContext(ctx, "a piece of the log was refused", "job", j.spec.ID, "sequence", c.Sequence, "err", err)
		j.spec.ChunksFailedCount++
		return nil
	}
	return err
}

func (j *job) finish(ctx context.Context, status outcome) error {
	j.spec.FinishedAt = stamp()
	j.spec.ExitStatus, j.spec.Signal, j.spec.SignalReason = strconv.Itoa(status.code), status.signal, status.reason
	return j.call(ctx, "finish", func(ctx context.Context) error {
		_, err := j.as.FinishJob(ctx, j.spec, nil)
		return err
	})
}

// folderName is a stable, harmless name for a repository's checkout: compilers
// that cache by path find what they made before.
func folderName(repository string) string {
	name := slipway.RepositoryName(strings.TrimSuffix(filepath.Base(repository), ".git"))
	if name.Validate() != nil {
		return "repository"
	}
	return string(name)
}

func stamp() string { return time.Now().UTC().Format(time.RFC3339Nano) }
