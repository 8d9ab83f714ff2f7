package controller_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/controller"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// settings are those of the store; whatever is sealed opens.
type settings struct{ *store.Store }

func (settings) Opens(s slipway.Secret) error {
	if string(s.Sealed) == "lost" {
		return slipway.Errorf(slipway.Unavailable, "sealed for another key")
	}
	return nil
}

func (w *world) set(key, value string) {
	w.t.Helper()
	_, _, err := w.store.SetConfig(w.t.Context(), slipway.Config{Target: web}, func(v map[string]string) error { v[key] = value; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) hide(name, sealed string) {
	w.t.Helper()
	_, err := w.store.AddSecret(w.t.Context(), slipway.Secret{Target: web, Name: name}, 9, func(int) ([]byte, error) { return []byte(sealed), nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// live is what serves, once a deployment has succeeded.
func (w *world) live(c *controller.Controller, r controller.Request) (slipway.Deployment, slipway.Revision) {
	w.t.Helper()
	d := w.wait(w.deploy(c, r).ID, slipway.Succeeded)
	rev, err := w.store.Revision(w.t.Context(), d.Revision)
	if err != nil {
		w.t.Fatal(err)
	}
	return d, rev
}

func TestSettingsArePartOfTheRevision(t *testing.T) {
	w := newWorld(t)
	c := w.controller("a")
	c.Settings = settings{w.store}
	w.run(c)
	m := manifest("web", slipway.Web)
	m.Run.Secrets = []slipway.SecretUse{{Name: "TOKEN"}, {Name: "KEY", File: true}}
	place := m.Environments["test"]
	place.Env = map[string]string{"LOG_LEVEL": "warn", "B": "environment"}
	m.Environments["test"] = place
	w.publish(m)

	_, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test"})
	if slipway.CodeOf(err) != slipway.Invalid || !strings.Contains(err.Error(), "web@1 wants the secrets TOKEN, KEY, which are not set in test") ||
		!strings.Contains(err.Error(), "slipway secret set web test KEY") {
		t.Fatalf("without its secrets: %v", err)
	}
	w.hide("KEY", "lost")
	w.hide("TOKEN", "x")
	if _, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test"}); slipway.CodeOf(err) != slipway.Unavailable {
		t.Fatalf("without the key: %v", err)
	}
	w.hide("KEY", "x")
	_, first := w.live(c, controller.Request{Service: "web"})
	if want := []slipway.SecretVersion{{Name: "KEY", Version: 2}, {Name: "TOKEN", Version: 1}}; !slices.Equal(first.Secrets, want) || first.Config != 0 || first.Run.Env["LOG_LEVEL"] != "warn" {
		t.Errorf("first %+v", first)
	}

	w.set("LOG_LEVEL", "debug")
	d, second := w.live(c, controller.Request{Service: "web", Release: 1})
	if second.Config != 1 || second.Run.Env["LOG_LEVEL"] != "debug" || second.Run.Env["B"] != "environment" {
		t.Errorf("the environment's setting is not over the manifest's: %+v", second)
	}
	w.hide("TOKEN", "y")
	w.live(c, controller.Request{Service: "web", Release: 1})

	// Going back is going back to exactly that.
	for _, want := range []slipway.Revision{second, first} {
		if _, got := w.live(c, controller.Request{Service: "web", Kind: slipway.KindRollback}); got.ID != want.ID {
			t.Fatalf("rolls back to config %d, secrets %v; want config %d, secrets %v", got.Config, got.Secrets, want.Config, want.Secrets)
		}
	}
	_, err = c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Kind: slipway.KindRollback})
	if slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("back from the first: %v", err)
	}

	// But for what is retired.
	w.set("LOG_LEVEL", "info")
	d, third := w.live(c, controller.Request{Service: "web", Release: 1})
	if len(d.Why) > 0 && strings.Contains(d.Why[0].Text, "retired") || third.Secrets[1].Version != 2 {
		t.Errorf("%+v %+v", d, third)
	}
	if _, err := w.store.RetireSecret(t.Context(), slipway.Secret{Target: web, Name: "TOKEN", Version: 1, Retired: time.Now()}); err != nil {
		t.Fatal(err)
	}
	d, back := w.live(c, controller.Request{Service: "web", Kind: slipway.KindRollback})
	if back.ID == first.ID || back.Secrets[1].Version != 2 || back.Config != 0 || !strings.Contains(d.Why[0].Text, "TOKEN@1 is retired: TOKEN@2 stands in") {
		t.Errorf("rolled back to %+v: %v", back, d.Why)
	}
	if _, err := c.Deploy(t.Context(), controller.Request{Service: "web", Environment: "test", Kind: slipway.KindRollback}); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("back from the first again: %v", err)
	}
}
