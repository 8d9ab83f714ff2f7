package api

import (
	"context"
	"net/http"
	"time"
)

// Settings are one version of what an environment sets for a service, over what
// its manifest says.
type Settings struct {
	Service     string            `json:"service"`
	Environment string            `json:"environment"`
	Version     int               `json:"version"` // 0: nothing was ever set
	Values      map[string]string `json:"values"`
	Actor       *Actor            `json:"actor,omitempty"`
	At          *time.Time        `json:"at,omitempty"`
	Live        bool              `json:"live,omitempty"` // it is what serves now
}

// ChangeSettings asks for the next version. What is not named stays.
type ChangeSettings struct {
	Set   map[string]string `json:"set,omitempty"`
	Unset []string          `json:"unset,omitempty"`
	Later bool              `json:"later,omitempty"` // with the next deployment, not at once
	Key   string            `json:"key,omitempty"`   // idempotency key of the deployment
}

// ChangedSettings say what came of a change.
type ChangedSettings struct {
	Settings
	Changed    bool        `json:"changed"`
	Deployment *Deployment `json:"deployment,omitempty"` // of what serves, with them
	Why        string      `json:"why,omitempty"`        // there is no deployment
}

// Secret is one version of a secret. Nobody is told its value.
type Secret struct {
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Name        string     `json:"name"`
	Version     int        `json:"version"`
	Actor       Actor      `json:"actor"`
	At          time.Time  `json:"at"`
	Newest      bool       `json:"newest"`
	Live        bool       `json:"live"` // what serves now has it
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	Trouble     string     `json:"trouble,omitempty"` // why it cannot be given to anybody
}

// SetSecret asks for the next version of a secret.
type SetSecret struct {
	Value []byte `json:"value"` // base64 in JSON
	Later bool   `json:"later,omitempty"`
	Key   string `json:"key,omitempty"`
}

// ChangedSecret says what came of it.
type ChangedSecret struct {
	Secret
	Deployment *Deployment `json:"deployment,omitempty"`
	Why        string      `json:"why,omitempty"`
}

// RetireSecret names the version that is never to be used again.
type RetireSecret struct {
	Version int `json:"version"`
}

// RotatedKey says what a change of the master key has done.
type RotatedKey struct {
	Key      string `json:"key"`              // name of the one that seals now
	Resealed int    `json:"resealed"`         // envelopes
	Former   string `json:"former,omitempty"` // file on the server with the keys that earlier backups need
}

// Settings is the newest version of what an environment sets for a service.
func (c *Client) Settings(ctx context.Context, service, environment string) (Settings, error) {
	return call[Settings](ctx, c, http.MethodGet, path("targets", service, environment, "config"), nil, nil)
}

// SettingsHistory lists the versions, newest first.
func (c *Client) SettingsHistory(ctx context.Context, service, environment string) ([]Settings, error) {
	return list[Settings](ctx, c, path("targets", service, environment, "configs"), nil)
}

// ChangeSettings makes the next version and has what serves deployed with it.
func (c *Client) ChangeSettings(ctx context.Context, service, environment string, change ChangeSettings) (ChangedSettings, error) {
	return call[ChangedSettings](ctx, c, http.MethodPost, path("targets", service, environment, "config"), nil, change)
}

// Secrets lists the secrets of a service in an environment, every version.
func (c *Client) Secrets(ctx context.Context, service, environment string) ([]Secret, error) {
	return list[Secret](ctx, c, path("targets", service, environment, "secrets"), nil)
}

// SetSecret makes the next version of a secret and has what serves deployed
// with it.
func (c *Client) SetSecret(ctx context.Context, service, environment, name string, s SetSecret) (ChangedSecret, error) {
	return call[ChangedSecret](ctx, c, http.MethodPost, path("targets", service, environment, "secrets", name), nil, s)
}

// RetireSecret takes a version out of use, for good.
func (c *Client) RetireSecret(ctx context.Context, service, environment, name string, version int) (Secret, error) {
	return call[Secret](ctx, c, http.MethodPost, path("targets", service, environment, "secrets", name, "retire"), nil, RetireSecret{version})
}

// RotateKey changes the master key that seals secrets.
func (c *Client) RotateKey(ctx context.Context) (RotatedKey, error) {
	return call[RotatedKey](ctx, c, http.MethodPost, path("master-key", "rotate"), nil, nil)
}
