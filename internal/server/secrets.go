package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// Secrets keeps secrets sealed.
type Secrets interface {
	Secrets(ctx context.Context, t slipway.TargetID) ([]slipway.Secret, error)
	// SetSecret seals a value as the next version.
	SetSecret(ctx context.Context, by slipway.Secret, value []byte, events ...slipway.Event) (slipway.Secret, error)
	RetireSecret(ctx context.Context, by slipway.Secret, events ...slipway.Event) (slipway.Secret, error)
	// Opens reports an error when the key that s was sealed for is not here.
	Opens(s slipway.Secret) error
	// RotateKey changes the master key, and says how the new one is called, how
	// many envelopes it had to seal anew, and in which file the former one is.
	RotateKey(ctx context.Context) (key string, resealed int, former string, err error)
}

// SecretPath names a secret in a path.
type SecretPath struct {
	TargetPath
	Name string `path:"name"`
}

func (s *Server) listSecrets(ctx context.Context, in *TargetPath) (api.List[api.Secret], error) {
	id, err := s.maySeeSettings(ctx, *in)
	if err != nil {
		return api.List[api.Secret]{}, err
	}
	live, err := s.liveRevision(ctx, id)
	if err != nil {
		return api.List[api.Secret]{}, err
	}
	return listed(s.secretsOf(ctx, id, live))
}

// secretsOf lists names and versions, given what serves.
func (s *Server) secretsOf(ctx context.Context, id slipway.TargetID, live slipway.Revision) ([]api.Secret, error) {
	all, err := s.Secrets.Secrets(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := make([]api.Secret, len(all))
	for i, secret := range all {
		newest := i == 0 || all[i-1].Name != secret.Name // the newest of each is first
		shown[i] = view.Secret(secret, newest, live)
		if err := s.Secrets.Opens(secret); err != nil {
			shown[i].Trouble = slipway.MessageOf(err)
		}
	}
	return shown, nil
}

func (s *Server) setSecret(ctx context.Context, in *struct {
	SecretPath
	Body api.SetSecret
}) (api.ChangedSecret, error) {
	var answer api.ChangedSecret
	id, err := s.mayChangeSettings(ctx, in.TargetPath)
	if err != nil {
		return answer, err
	}
	defer clear(in.Body.Value)
	if err := s.checkSecret(ctx, id, in.Name, in.Body.Value); err != nil {
		return answer, err
	}
	p, now := from(ctx), time.Now().UTC()
	stored, err := s.Secrets.SetSecret(ctx, slipway.Secret{Target: id, Name: in.Name, Actor: p.Actor, At: now}, in.Body.Value, slipway.Event{
		At: now, Kind: slipway.SecretSet, Actor: p.Actor, Target: id, Text: fmt.Sprintf("%s set the secret %s of %s", p.Actor.Person(), in.Name, id),
	})
	if err != nil {
		return answer, err
	}
	answer.Secret = view.Secret(stored, true, slipway.Revision{})
	answer.Deployment, answer.Why, err = s.takeUp(ctx, id, in.Body.Later, in.Body.Key, func(r slipway.Revision) string {
		if !slices.ContainsFunc(r.Run.Secrets, func(use slipway.SecretUse) bool { return use.Name == in.Name }) {
			return fmt.Sprintf("@%d, which serves, does not ask for it: name it in run.secrets of slipway.yaml", r.Release)
		}
		return ""
	})
	return answer, stays(err, "%s@%d is kept, but not deployed", stored.Name, stored.Version)
}

// checkSecret never repeats the value.
func (s *Server) checkSecret(ctx context.Context, id slipway.TargetID, name string, value []byte) error {
	if err := slipway.ValidateVariable(name); err != nil {
		return err
	}
	switch {
	case len(value) > slipway.MaxSettingBytes:
		return slipway.Errorf(slipway.TooLarge, "the secret %s has more than %d KiB", name, slipway.MaxSettingBytes>>10)
	case len(bytes.TrimSpace(value)) < slipway.MinSecretBytes:
		return slipway.Errorf(slipway.Invalid, "the secret %s has fewer than %d characters: it could not be kept out of logs", name, slipway.MinSecretBytes).
			Do("If it is none: slipway config set %s %s %s=…", id.Service, id.Environment, name)
	}
	config, err := s.Settings.Config(ctx, id, 0)
	if err != nil {
		return err
	}
	if _, both := config.Values[name]; both {
		return slipway.Errorf(slipway.Conflict, "%s is set for all to see in %s", name, id).
			Do("Take that away first: slipway config unset %s %s %s --later", id.Service, id.Environment, name)
	}
	return nil
}

func (s *Server) retireSecret(ctx context.Context, in *struct {
	SecretPath
	Body api.RetireSecret
}) (api.Secret, error) {
	id, err := s.mayChangeSettings(ctx, in.TargetPath)
	if err != nil {
		return api.Secret{}, err
	}
	p, now := from(ctx), time.Now().UTC()
	stored, err := s.Secrets.RetireSecret(ctx, slipway.Secret{Target: id, Name: in.Name, Version: in.Body.Version, Retired: now}, slipway.Event{
		At: now, Kind: slipway.SecretRetired, Actor: p.Actor, Target: id, Text: fmt.Sprintf("%s retired %s@%d of %s", p.Actor.Person(), in.Name, in.Body.Version, id),
	})
	if err != nil {
		return api.Secret{}, err
	}
	live, err := s.liveRevision(ctx, id)
	return view.Secret(stored, false, live), err
}

func (s *Server) rotateKey(ctx context.Context, _ *none) (api.RotatedKey, error) {
	if err := administers(from(ctx).Principal); err != nil {
		return api.RotatedKey{}, err
	}
	key, n, former, err := s.Secrets.RotateKey(ctx)
	return api.RotatedKey{Key: key, Resealed: n, Former: former}, err
}
