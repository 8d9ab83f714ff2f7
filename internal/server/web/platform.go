package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// PlatformView answers what the pages of environments show.
type PlatformView interface {
	Environments(ctx context.Context) (api.Environments, error)
	Declarations(ctx context.Context, limit int) ([]api.Declaration, error)
	Diff(ctx context.Context, from, to string) (api.EnvironmentDiff, error)
}

// platformPages registers the pages of what people declare, lock and approve.
func (s *site) platformPages(mux *http.ServeMux) {
	s.page(mux, "/environments", s.environments)
	s.page(mux, "/diff", s.diff)
	mux.HandleFunc("POST /deployments/{id}/approve", s.approve)
}

// environmentsPage is what the templates of environments show.
type environmentsPage struct {
	api.Environments
	Versions []api.Declaration
}

func (s *site) environments(r *http.Request, _ slipway.Principal) (page, error) {
	all, err := s.View.Environments(r.Context())
	if err != nil {
		return page{}, err
	}
	versions, err := s.View.Declarations(r.Context(), listLength)
	return page{
		Title: "Environments", Command: "slipway environments",
		Parts: []part{{Template: "environments", Data: environmentsPage{all, versions}}},
	}, err
}

// diffPage is what the diff's template shows; without two environments, which
// there are.
type diffPage struct {
	api.EnvironmentDiff
	Environments []api.Environment
}

func (s *site) diff(r *http.Request, _ slipway.Principal) (page, error) {
	from, to := r.URL.Query().Get("from"), r.URL.Query().Get("to")
	all, err := s.View.Environments(r.Context())
	if err != nil {
		return page{}, err
	}
	data := diffPage{Environments: all.Environments}
	if from == "" && to == "" && len(all.Environments) > 1 {
		from, to = all.Environments[0].Name, all.Environments[1].Name
	}
	if from != "" || to != "" {
		if data.EnvironmentDiff, err = s.View.Diff(r.Context(), from, to); err != nil {
			return page{}, err
		}
	}
	return page{
		Title: "Where " + from + " and " + to + " differ", Command: "slipway diff " + from + " " + to,
		Parts: []part{{Template: "diff", Data: data}},
	}, nil
}

func (s *site) approve(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, func(p slipway.Principal) (string, error) {
		id, err := number(r, "id")
		if err != nil {
			return "", err
		}
		return "/deployments/" + strconv.FormatInt(id, 10), s.Desk.Approve(r.Context(), p, id)
	})
}

// awaitsApproval reports whether a deployment waits for people who agree.
func awaitsApproval(d api.Deployment) bool {
	return d.Phase == "pending" && slices.ContainsFunc(d.Gates, func(g api.Gate) bool { return g.Gate == "approval" && g.State == "wait" })
}
