package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// Settings keeps what environments set for services.
type Settings interface {
	Config(ctx context.Context, t slipway.TargetID, version int) (slipway.Config, error)
	Configs(ctx context.Context, t slipway.TargetID, limit int) ([]slipway.Config, error)
	SetConfig(ctx context.Context, by slipway.Config, change func(values map[string]string) error, events ...slipway.Event) (slipway.Config, bool, error)
}

// settings registers configuration and secrets.
func (s *Server) settings(on huma.API) {
	get(s, on, "get-config", "/targets/{service}/{environment}/config", "What the environment sets for a service", s.getConfig)
	get(s, on, "list-configs", "/targets/{service}/{environment}/configs", "The versions of it, newest first", s.listConfigs)
	post(s, on, "set-config", "/targets/{service}/{environment}/config", "Make the next version, and deploy what serves with it", s.setConfig)
	get(s, on, "list-secrets", "/targets/{service}/{environment}/secrets", "Names and versions of a service's secrets, never their values", s.listSecrets)
	post(s, on, "set-secret", "/targets/{service}/{environment}/secrets/{name}", "Make the next version of a secret, and deploy what serves with it", s.setSecret)
	post(s, on, "retire-secret", "/targets/{service}/{environment}/secrets/{name}/retire", "Never use a version again, not even by going back", s.retireSecret)
	post(s, on, "rotate-master-key", "/master-key/rotate", "Change the key that seals secrets", s.rotateKey)
}

// maySeeSettings reports whether the caller may see what an environment sets for a service.
func (s *Server) maySeeSettings(ctx context.Context, in TargetPath) (slipway.TargetID, error) {
	id, err := s.target(ctx, in)
	if err == nil {
		err = id.Service.Validate()
	}
	if err != nil {
		return id, err
	}
	return id, s.mayReadOutput(ctx, from(ctx).Principal, id)
}

// mayChangeSettings lets people who may deploy there. Jobs run what was pushed:
// they change nothing that is not in a repository.
func (s *Server) mayChangeSettings(ctx context.Context, in TargetPath) (slipway.TargetID, error) {
	id, err := s.maySeeSettings(ctx, in)
	if err != nil {
		return id, err
	}
	if p := from(ctx); p.Job != nil || !p.CanDeploy(id.Environment) {
		return id, slipway.Errorf(slipway.Forbidden, "%s may not change the configuration of %s", p.Actor.Name, id)
	}
	return id, nil
}

func (s *Server) getConfig(ctx context.Context, in *TargetPath) (api.Settings, error) {
	id, err := s.maySeeSettings(ctx, *in)
	if err != nil {
		return api.Settings{}, err
	}
	c, err := s.Settings.Config(ctx, id, 0)
	if err != nil {
		return api.Settings{}, err
	}
	live, err := s.liveRevision(ctx, id)
	return view.Settings(c, live), err
}

func (s *Server) listConfigs(ctx context.Context, in *TargetPath) (api.List[api.Settings], error) {
	id, err := s.maySeeSettings(ctx, *in)
	if err != nil {
		return api.List[api.Settings]{}, err
	}
	live, err := s.liveRevision(ctx, id)
	if err != nil {
		return api.List[api.Settings]{}, err
	}
	all, err := s.Settings.Configs(ctx, id, defaultLimit)
	return listed(each(all, func(c slipway.Config) api.Settings { return view.Settings(c, live) }), err)
}

func (s *Server) setConfig(ctx context.Context, in *struct {
	TargetPath
	Body api.ChangeSettings
}) (api.ChangedSettings, error) {
	var answer api.ChangedSettings
	id, err := s.mayChangeSettings(ctx, in.TargetPath)
	if err != nil {
		return answer, err
	}
	if err := s.checkChange(ctx, id, in.Body); err != nil {
		return answer, err
	}
	p, now := from(ctx), time.Now().UTC()
	names := changed(in.Body)
	stored, made, err := s.Settings.SetConfig(ctx, slipway.Config{Target: id, Actor: p.Actor, At: now}, apply(id, in.Body), slipway.Event{
		At: now, Kind: slipway.ConfigSet, Actor: p.Actor, Target: id, Text: fmt.Sprintf("%s set %s of %s", p.Actor.Person(), strings.Join(names, ", "), id),
	})
	if err != nil {
		return answer, err
	}
	answer.Settings, answer.Changed = view.Settings(stored, slipway.Revision{}), made
	answer.Deployment, answer.Why, err = s.takeUp(ctx, id, in.Body.Later, in.Body.Key, func(r slipway.Revision) string {
		if r.Config == stored.Version {
			return fmt.Sprintf("@%d has them already", r.Release)
		}
		return ""
	})
	return answer, stays(err, "version %d of the configuration is kept, but not deployed", stored.Version)
}

// stays says that the first half of a change has succeeded.
func stays(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	e := slipway.Errorf(slipway.CodeOf(err), "%s: %s", fmt.Sprintf(format, args...), slipway.MessageOf(err))
	e.Err = err
	return e
}

// checkChange checks what is asked for, apart from what is set already.
func (s *Server) checkChange(ctx context.Context, id slipway.TargetID, c api.ChangeSettings) error {
	if len(c.Set) == 0 && len(c.Unset) == 0 {
		return slipway.Errorf(slipway.Invalid, "nothing is to be changed").Do("Name variables: slipway config set %s %s KEY=VALUE", id.Service, id.Environment)
	}
	secrets, err := s.Secrets.Secrets(ctx, id)
	if err != nil {
		return err
	}
	for name, value := range c.Set {
		if err := slipway.ValidateVariable(name); err != nil {
			return err
		}
		switch {
		case len(value) > slipway.MaxSettingBytes:
			return slipway.Errorf(slipway.TooLarge, "%s has more than %d KiB", name, slipway.MaxSettingBytes>>10)
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return slipway.Errorf(slipway.Invalid, "the value of %s is no text", name)
		case slices.Contains(c.Unset, name):
			return slipway.Errorf(slipway.Invalid, "%s is to be set and to be taken away", name)
		case slices.ContainsFunc(secrets, func(s slipway.Secret) bool { return s.Name == name }):
			return slipway.Errorf(slipway.Conflict, "%s is a secret of %s", name, id).Do("Set that: slipway secret set %s %s %s", id.Service, id.Environment, name)
		}
	}
	return nil
}

// apply makes the change to what is set. What is to be taken away has to be
// there.
func apply(id slipway.TargetID, c api.ChangeSettings) func(map[string]string) error {
	return func(values map[string]string) error {
		for _, name := range c.Unset {
			if _, ok := values[name]; !ok {
				return slipway.Errorf(slipway.NotFound, "%.80q is not set for %s", name, id).Do("See what is: slipway config list %s %s", id.Service, id.Environment)
			}
			delete(values, name)
		}
		maps.Copy(values, c.Set)
		if len(values) > slipway.MaxSettings {
			return slipway.Errorf(slipway.TooLarge, "%s would have %d variables, and can have %d", id, len(values), slipway.MaxSettings)
		}
		return nil
	}
}

func changed(c api.ChangeSettings) []string {
	names := slices.Clone(c.Unset)
	for name := range c.Set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
