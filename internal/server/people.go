package server

import (
	"context"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/server/view"
)

// people registers who calls, who may, and what runs jobs.
func (s *Server) people(on huma.API) {
	get(s, on, "whoami", "/whoami", "Who the token is", s.whoami)
	get(s, on, "list-users", "/users", "The people who may use this installation", s.listUsers)
	post(s, on, "add-user", "/users", "Add a person; the answer shows their token, once", s.addUser)
	post(s, on, "add-agent-token", "/agent-tokens", "Make a token with which agents of these queues register", s.addAgentToken)
	post(s, on, "add-router-token", "/router-tokens", "Make a token with which one router, of that name, takes its tables", s.addRouterToken)
	post(s, on, "add-login-link", "/login-links", "Make a link that signs a browser in as the caller, once, within ten minutes", s.addLoginLink)
	get(s, on, "list-agents", "/agents", "What runs jobs", s.listAgents)
}

func (s *Server) whoami(ctx context.Context, _ *none) (api.Whoami, error) {
	p := from(ctx)
	var slug string
	if p.Job != nil {
		b, err := s.Store.Build(ctx, p.Job.Build)
		if err != nil {
			return api.Whoami{}, err
		}
		slug = b.Slug()
	}
	return view.Whoami(p.Principal, slug, s.Version), nil
}

func administers(p slipway.Principal) error {
	if p.CanAdminister() {
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "%s may not do this; it needs the role admin", p.Actor.Name)
}

func (s *Server) listUsers(ctx context.Context, _ *none) (api.List[api.User], error) {
	if err := mayList(from(ctx).Principal); err != nil {
		return api.List[api.User]{}, err
	}
	users, err := s.Auth.Users(ctx)
	return listed(each(users, view.User), err)
}

func (s *Server) addUser(ctx context.Context, in *body[api.CreateUser]) (api.CreatedUser, error) {
	p := from(ctx)
	if err := administers(p.Principal); err != nil {
		return api.CreatedUser{}, err
	}
	u := slipway.User{Name: in.Body.Name, Role: slipway.Role(in.Body.Role)}
	for _, env := range in.Body.Environments {
		u.Environments = append(u.Environments, slipway.EnvironmentName(env))
	}
	token, err := s.Auth.AddUser(ctx, p.Actor, u)
	return api.CreatedUser{User: in.Body, Token: token}, err
}

func (s *Server) addAgentToken(ctx context.Context, in *body[api.CreateAgentToken]) (api.AgentToken, error) {
	if err := administers(from(ctx).Principal); err != nil {
		return api.AgentToken{}, err
	}
	var queues []slipway.Queue
	for _, q := range in.Body.Queues {
		queues = append(queues, slipway.Queue(q))
	}
	token, err := s.Auth.AddAgentToken(ctx, queues...)
	return api.AgentToken{Token: token, Queues: in.Body.Queues}, err
}

func (s *Server) addRouterToken(ctx context.Context, in *body[api.CreateRouterToken]) (api.RouterToken, error) {
	if err := administers(from(ctx).Principal); err != nil {
		return api.RouterToken{}, err
	}
	token, err := s.Auth.AddRouterToken(ctx, slipway.RouterID(in.Body.Router))
	return api.RouterToken{Token: token, Router: in.Body.Router}, err
}

func (s *Server) addLoginLink(ctx context.Context, _ *none) (api.LoginLink, error) {
	token, expires, err := s.Auth.Login(ctx, from(ctx).Principal)
	return api.LoginLink{URL: s.URL + "/login?token=" + url.QueryEscape(token), ExpiresAt: expires.UTC()}, err
}

func (s *Server) listAgents(ctx context.Context, _ *none) (api.List[api.Agent], error) {
	if err := mayList(from(ctx).Principal); err != nil {
		return api.List[api.Agent]{}, err
	}
	agents, err := s.Store.Agents(ctx)
	return listed(each(agents, view.Agent), err)
}

// each converts a list.
func each[A, B any](all []A, convert func(A) B) []B {
	out := make([]B, 0, len(all))
	for _, a := range all {
		out = append(out, convert(a))
	}
	return out
}
