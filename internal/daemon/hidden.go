package daemon

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/driver/executor"
	"github.com/slipway-cd/slipway/internal/redact"
)

const (
	hiddenVersions = 20  // of each secret that logs may still show
	mostHidden     = 200 // sets that are kept
)

// hiddenSets are made of opened secrets, and kept while these stay the same.
type hiddenSets struct {
	mu   sync.Mutex
	sets map[string]*redact.Set
}

// of makes the set of the newest versions of some secrets, which are listed by
// name, the newest of each first. The error is of the first that does not open;
// the set hides the others.
func (h *hiddenSets) of(all []slipway.Secret, open func(slipway.Secret) ([]byte, error)) (*redact.Set, error) {
	var key strings.Builder
	some := all[:0:0]
	n := 0
	for i, s := range all {
		if i == 0 || all[i-1].Name != s.Name || all[i-1].Target != s.Target {
			n = 0
		}
		if n++; n <= hiddenVersions {
			some = append(some, s)
			fmt.Fprintf(&key, "%s %s@%d\n", s.Target, s.Name, s.Version)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if set := h.sets[key.String()]; set != nil {
		return set, nil
	}
	var values [][]byte
	var failed error
	for _, s := range some {
		value, err := open(s)
		if err != nil && failed == nil {
			failed = err
		}
		values = append(values, value)
	}
	set := redact.New(values...)
	if failed == nil {
		if h.sets == nil || len(h.sets) >= mostHidden {
			h.sets = map[string]*redact.Set{}
		}
		h.sets[key.String()] = set
	}
	return set, failed
}

func (s *settings) open(v slipway.Secret) ([]byte, error) { return s.keys.Open(what(v), v.Sealed) }

// ofRepository hides the secrets of the services of a repository. What cannot be
// opened cannot be hidden.
func (s *settings) ofRepository(ctx context.Context, r slipway.RepositoryName) *redact.Set {
	services, err := s.Services(ctx)
	if err != nil {
		s.log.Warn("secrets of a repository", "err", err)
		return nil
	}
	own := map[slipway.ServiceName]bool{}
	for _, service := range services {
		own[service.Name] = service.Repository == r
	}
	all, err := s.EverySecret(ctx)
	if err != nil {
		s.log.Warn("secrets of a repository", "err", err)
		return nil
	}
	some := all[:0]
	for _, v := range all {
		if own[v.Target.Service] {
			some = append(some, v)
		}
	}
	set, err := s.hidden.of(some, s.open)
	if err != nil {
		s.log.Warn("secrets of a repository", "err", err)
	}
	return set
}

func (s *settings) ofJob(ctx context.Context, job slipway.JobID) *redact.Set {
	id, err := s.BuildOfJob(ctx, job)
	if err != nil {
		return nil
	}
	b, err := s.Build(ctx, id)
	if err != nil {
		return nil
	}
	return s.ofRepository(ctx, b.Push.Repository)
}

// hidingOutput reads what instances print without their secrets.
type hidingOutput struct {
	driver   *executor.Client
	settings *settings
}

// Logs reads what one instance prints.
func (o hidingOutput) Logs(ctx context.Context, t slipway.TargetID, i slipway.InstanceID, tail int, follow bool) (io.ReadCloser, error) {
	return o.hide(ctx, t, func() (io.ReadCloser, error) { return o.driver.Logs(ctx, t, i, tail, follow) })
}

// hide refuses to show anything while the secrets are not known that it would
// have to hide.
func (o hidingOutput) hide(ctx context.Context, t slipway.TargetID, read func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	all, err := o.settings.Secrets(ctx, t)
	if err != nil {
		return nil, err
	}
	set, err := o.settings.hidden.of(all, o.settings.open)
	if err != nil {
		return nil, err
	}
	r, err := read()
	if err != nil {
		return nil, err
	}
	return set.Reader(r), nil
}
