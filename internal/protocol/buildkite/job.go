package buildkite

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/buildkite/agent/v3/api"
	"github.com/buildkite/go-pipeline"

	"github.com/slipway-cd/slipway"
)

// What an agent sends of a log.
const (
	chunkSize = 100 << 10 // asked for, in bytes
	maxChunk  = 1 << 20   // accepted, once unpacked
)

// accept gives the job to the agent: from here on it is this one's.
func (s *server) accept(r *http.Request, p slipway.Principal) (any, error) {
	id, err := agentOf(p)
	if err != nil {
		return nil, err
	}
	a, err := s.Jobs.Accept(r.Context(), id, slipway.JobID(r.PathValue("job")))
	if err != nil {
		return nil, err
	}
	return &api.Job{ // by address: the step has a marshaler of its own
		ID: string(a.Job.ID), State: "accepted", Endpoint: s.endpointURL(), Token: a.Token, Env: s.env(a),
		Step:               pipeline.CommandStep{Key: a.Job.Step.Key, Label: a.Job.Step.Label, Command: a.Job.Step.Command},
		ChunksMaxSizeBytes: chunkSize, ChunksIntervalSeconds: 1, LogMaxSizeBytes: slipway.MaxLogBytes,
		RunnableAt: a.Job.ReadyAt.Format(time.RFC3339Nano),
	}, nil
}

func (s *server) endpointURL() string { return s.URL + "/agent/v3" }

// grantOf is the attempt that a request acts for: the token's own, and no other
// job's.
func grantOf(r *http.Request, p slipway.Principal) (slipway.JobGrant, error) {
	switch {
	case p.Job == nil:
		return slipway.JobGrant{}, slipway.Errorf(slipway.Forbidden, "this needs the token that came with the job")
	case string(p.Job.Job) != r.PathValue("job"):
		return slipway.JobGrant{}, slipway.Errorf(slipway.Forbidden, "this token is another job's")
	}
	return *p.Job, nil
}

func (s *server) start(r *http.Request, p slipway.Principal) (any, error) {
	g, err := grantOf(r, p)
	if err == nil {
		err = s.Jobs.Start(r.Context(), g) // by our clock; the agent's may be wrong
	}
	return struct{}{}, err
}

func (s *server) jobState(r *http.Request, p slipway.Principal) (any, error) {
	g, err := grantOf(r, p)
	if err != nil {
		return nil, err
	}
	a, err := s.Jobs.Attempt(r.Context(), g)
	switch {
	case err != nil:
		return nil, err
	case a.Canceling:
		return api.JobState{State: "canceling"}, nil
	case a.State == slipway.AttemptRunning:
		return api.JobState{State: "running"}, nil
	}
	return api.JobState{State: "accepted"}, nil
}

// chunk stores a piece of the job's log.
func (s *server) chunk(r *http.Request, p slipway.Principal) (any, error) {
	g, err := grantOf(r, p)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	sequence, err1 := strconv.Atoi(query.Get("sequence"))
	offset, err2 := strconv.ParseInt(query.Get("offset"), 10, 64)
	size, err3 := strconv.Atoi(query.Get("size"))
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, slipway.Errorf(slipway.Invalid, "a piece of a log needs sequence, offset and size, as numbers")
	}
	data, err := unpack(r)
	if err != nil {
		return nil, err
	}
	if len(data) != size {
		return nil, slipway.Errorf(slipway.Invalid, "a piece of a log has %d bytes and says %d", len(data), size)
	}
	return struct{}{}, s.Jobs.AppendLog(r.Context(), g, sequence, offset, data)
}

func unpack(r *http.Request) ([]byte, error) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, slipway.Errorf(slipway.Invalid, "a piece of a log is not gzip: %w", err)
		}
		body = z
	}
	data, err := io.ReadAll(io.LimitReader(body, maxChunk+1))
	switch {
	case err != nil:
		return nil, slipway.Errorf(slipway.Invalid, "a piece of a log cannot be read: %w", err)
	case len(data) > maxChunk:
		return nil, slipway.Errorf(slipway.TooLarge, "a piece of a log may have %d bytes", maxChunk)
	}
	return data, nil
}

// headerTimes takes when each section of a log began. Nothing shows it yet.
func (s *server) headerTimes(r *http.Request, p slipway.Principal) (any, error) {
	if _, err := grantOf(r, p); err != nil {
		return nil, err
	}
	var times api.HeaderTimes
	return struct{}{}, read(r, &times)
}

func (s *server) finish(r *http.Request, p slipway.Principal) (any, error) {
	g, err := grantOf(r, p)
	if err != nil {
		return nil, err
	}
	var end api.JobFinishRequest
	if err := read(r, &end); err != nil {
		return nil, err
	}
	status, err := strconv.Atoi(end.ExitStatus)
	if err != nil {
		return nil, slipway.Errorf(slipway.Invalid, "exit_status must be a number, not %.20q", end.ExitStatus)
	}
	return struct{}{}, s.Jobs.Finish(r.Context(), g, status, printable(end.Signal), printable(end.SignalReason))
}
