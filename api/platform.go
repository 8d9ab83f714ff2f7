package api

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Fact is something about a noun, in words.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Difference is a fact in which two differ; "" is not there.
type Difference struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Environment is where services run, as it is declared.
type Environment struct {
	Name     string `json:"name"`
	Previous string `json:"previous,omitempty"` // where a release must be live first
	Queue    string `json:"queue"`              // whose jobs may deploy there
	Facts    []Fact `json:"facts"`              // all that is declared of it
	Frozen   string `json:"frozen,omitempty"`   // why it is frozen now, and until when
	Locks    []Lock `json:"locks,omitempty"`    // of it and of services in it
	Agents   int    `json:"agents"`             // of its queue that are connected
	Idle     string `json:"idle,omitempty"`     // why its jobs wait: no agent of its queue is connected
	Start    string `json:"start,omitempty"`    // the command that starts one
}

// Environments are all of them, in the order a release travels.
type Environments struct {
	Version      int           `json:"version"` // 0: the builtin ones
	Source       string        `json:"source"`  // text of environments.yaml
	Commit       string        `json:"commit,omitempty"`
	Actor        Actor         `json:"actor"`
	At           *time.Time    `json:"at,omitempty"`
	Environments []Environment `json:"environments"`
	Drift        *Drift        `json:"drift,omitempty"` // the head of the platform repository says otherwise
}

// Drift is how the head of the platform repository differs from what is
// applied.
type Drift struct {
	Commit  string              `json:"commit"`
	Changes []EnvironmentChange `json:"changes"`
	Problem string              `json:"problem,omitempty"` // why it cannot be applied
}

// EnvironmentChange is what becomes of one environment.
type EnvironmentChange struct {
	Environment string       `json:"environment"`
	Kind        string       `json:"kind"` // added, removed, changed
	Differences []Difference `json:"differences"`
}

// Apply asks for the environments to be declared anew.
type Apply struct {
	File    string `json:"file,omitempty"` // what problems call it
	Text    string `json:"text"`
	Version *int   `json:"version,omitempty"` // that it was compared with; absent: whatever there is
	DryRun  bool   `json:"dry_run,omitempty"`
}

// Applied is what came of it.
type Applied struct {
	Version int                 `json:"version"` // that holds now
	Changes []EnvironmentChange `json:"changes"` // that were made, or would be
	DryRun  bool                `json:"dry_run,omitempty"`
}

// Declaration is one version of the environments.
type Declaration struct {
	Version int       `json:"version"`
	Commit  string    `json:"commit,omitempty"`
	Actor   Actor     `json:"actor"`
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
}

// Lock keeps deployments from starting until it ends.
type Lock struct {
	Environment string    `json:"environment"`
	Service     string    `json:"service,omitempty"` // "": the whole environment
	Why         string    `json:"why"`
	Actor       Actor     `json:"actor"`
	At          time.Time `json:"at"`
	Until       time.Time `json:"until"`
}

// CreateLock asks for a lock; its owner is who asks.
type CreateLock struct {
	Environment string `json:"environment"`
	Service     string `json:"service,omitempty"`
	Why         string `json:"why"`
	ForMS       int64  `json:"for_ms"`
}

// DeleteLock names the lock to take away.
type DeleteLock struct {
	Environment string `json:"environment"`
	Service     string `json:"service,omitempty"`
}

// EnvironmentDiff is where two environments differ.
type EnvironmentDiff struct {
	From        string        `json:"from"`
	To          string        `json:"to"`
	Differences []Difference  `json:"differences"` // of what is declared
	Services    []ServiceDiff `json:"services"`    // all that are in either
}

// ServiceDiff is where a service differs between two environments; no
// differences: nowhere.
type ServiceDiff struct {
	Service     string       `json:"service"`
	Differences []Difference `json:"differences"`
}

// Environments are all of them, with what is locked and frozen.
func (c *Client) Environments(ctx context.Context) (Environments, error) {
	return call[Environments](ctx, c, http.MethodGet, path("environments"), nil, nil)
}

// Apply declares the environments, or says what would change.
func (c *Client) Apply(ctx context.Context, a Apply) (Applied, error) {
	return call[Applied](ctx, c, http.MethodPost, path("environments"), nil, a)
}

// Declarations lists the versions of the environments, newest first.
func (c *Client) Declarations(ctx context.Context, limit int) ([]Declaration, error) {
	return list[Declaration](ctx, c, path("declarations"), query("limit", limit))
}

// Locks lists the locks that hold.
func (c *Client) Locks(ctx context.Context) ([]Lock, error) {
	return list[Lock](ctx, c, path("locks"), nil)
}

// Lock keeps deployments from starting for a while.
func (c *Client) Lock(ctx context.Context, l CreateLock) (Lock, error) {
	return call[Lock](ctx, c, http.MethodPost, path("locks"), nil, l)
}

// Unlock takes a lock away, and returns what it was.
func (c *Client) Unlock(ctx context.Context, environment, service string) (Lock, error) {
	return call[Lock](ctx, c, http.MethodPost, path("locks", "remove"), nil, DeleteLock{Environment: environment, Service: service})
}

// Approve agrees to a deployment that waits for approvals.
func (c *Client) Approve(ctx context.Context, id int64) (Deployment, error) {
	return call[Deployment](ctx, c, http.MethodPost, path("deployments", strconv.FormatInt(id, 10), "approve"), nil, nil)
}

// Diff tells where two environments differ.
func (c *Client) Diff(ctx context.Context, from, to string) (EnvironmentDiff, error) {
	return call[EnvironmentDiff](ctx, c, http.MethodGet, path("diff"), query("from", from, "to", to), nil)
}
