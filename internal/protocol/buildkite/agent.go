package buildkite

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/buildkite/agent/v3/api"

	"github.com/slipway-cd/slipway"
)

// Bounds of what an agent says of itself.
const (
	maxName = 200
	maxTags = 100
)

// register makes an agent. Its tags say its queue, which its token must allow.
func (s *server) register(r *http.Request, p slipway.Principal) (any, error) {
	var ask api.AgentRegisterRequest
	if err := read(r, &ask); err != nil {
		return nil, err
	}
	name := printable(ask.Name)
	if name == "" {
		name = printable(ask.Hostname)
	}
	a := slipway.Agent{Name: name, Host: printable(ask.Hostname), Version: printable(ask.Version), Tags: map[string]string{}}
	if name == "" || len(ask.Tags) > maxTags {
		return nil, slipway.Errorf(slipway.Invalid, "an agent needs a name, and at most %d tags", maxTags)
	}
	for _, tag := range ask.Tags {
		k, v, _ := strings.Cut(tag, "=")
		a.Tags[printable(k)] = printable(v)
	}
	a, token, err := s.Agents.Register(r.Context(), p, a)
	if err != nil {
		return nil, err
	}
	var tags []string
	for k, v := range a.Tags {
		tags = append(tags, k+"="+v)
	}
	slices.Sort(tags)
	return api.AgentRegisterResponse{
		UUID: string(a.ID), Name: a.Name, AccessToken: token, Endpoint: s.endpointURL(),
		PingInterval:      1, // seconds; 0 makes a stock agent panic
		JobStatusInterval: 1,
		HeartbeatInterval: int(slipway.HeartbeatEvery.Seconds()),
		Tags:              tags,
	}, nil
}

// printable is s without what could disturb a log or a terminal, bounded.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

func agentOf(p slipway.Principal) (slipway.AgentID, error) {
	if p.Agent == "" {
		return "", slipway.Errorf(slipway.Forbidden, "this is not the token of an agent").Do("register first")
	}
	return p.Agent, nil
}

// agent makes an endpoint of what an agent says without a body.
func (s *server) agent(say func(Agents, context.Context, slipway.AgentID) error) func(*http.Request, slipway.Principal) (any, error) {
	return func(r *http.Request, p slipway.Principal) (any, error) {
		id, err := agentOf(p)
		if err == nil {
			err = say(s.Agents, r.Context(), id)
		}
		return struct{}{}, err
	}
}

func (s *server) heartbeat(r *http.Request, p slipway.Principal) (any, error) {
	var beat api.Heartbeat
	if err := read(r, &beat); err != nil {
		return nil, err
	}
	id, err := agentOf(p)
	if err == nil {
		err = s.Agents.Heartbeat(r.Context(), id)
	}
	beat.ReceivedAt = time.Now().UTC().Format(time.RFC3339Nano)
	return beat, err
}

// ping answers when there is work, or after a while that there is none.
func (s *server) ping(r *http.Request, p slipway.Principal) (any, error) {
	id, err := agentOf(p)
	if err != nil {
		return nil, err
	}
	job, err := s.Agents.Ping(r.Context(), id)
	if err != nil || job == "" {
		return api.Ping{}, err
	}
	return api.Ping{Job: &api.Job{ID: string(job)}}, nil
}
