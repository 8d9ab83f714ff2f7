package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

const listLength = 50

func (s *site) board(r *http.Request, p slipway.Principal) (page, error) {
	b, err := s.View.Board(r.Context())
	if err != nil {
		return page{}, err
	}
	builds, err := s.View.Builds(r.Context(), p, "", 8)
	return page{
		Title: "Board", Command: "slipway status",
		Parts: []part{
			{Template: "board", Data: movingFirst(b)},
			{Template: "recent", Class: "quiet", Data: builds},
		},
	}, err
}

// movingFirst puts the services that move before those that rest, and leaves out
// those that were removed from everywhere.
func movingFirst(b api.Board) api.Board {
	var moving, rest []api.BoardService
	for _, s := range b.Services {
		switch {
		case s.Removed != nil:
		case isMoving(s):
			moving = append(moving, s)
		default:
			rest = append(rest, s)
		}
	}
	b.Services = append(moving, rest...)
	return b
}

func isMoving(s api.BoardService) bool {
	for _, t := range s.Targets {
		if t.Moving != nil {
			return true
		}
	}
	return false
}

func (s *site) service(r *http.Request, _ slipway.Principal) (page, error) {
	p, err := s.View.Places(r.Context(), r.PathValue("service"))
	return page{Title: p.Name, Command: "slipway status " + p.Name, Parts: []part{{Template: "service", Data: p}}}, err
}

func (s *site) builds(r *http.Request, p slipway.Principal) (page, error) {
	repository := r.URL.Query().Get("repository")
	builds, err := s.View.Builds(r.Context(), p, repository, listLength)
	return page{Title: "Builds", Command: "slipway builds", Parts: []part{{Template: "builds", Data: builds}}}, err
}

// buildPage is what the build's templates show.
type buildPage struct {
	api.Build
	Chosen *api.Job // whose log is shown
}

func (s *site) build(r *http.Request, p slipway.Principal) (page, error) {
	number, err := number(r, "number")
	if err != nil {
		return page{}, err
	}
	b, err := s.View.Build(r.Context(), p, r.PathValue("repository"), int(number))
	if err != nil {
		return page{}, err
	}
	data := buildPage{b, chosen(b, r.URL.Query().Get("job"))}
	slug := b.Repository + "/" + strconv.Itoa(b.Number)
	return page{
		Title: "Build " + slug, Command: "slipway build " + slug + " --follow",
		Ended: b.FinishedAt != nil,
		Parts: []part{
			{Template: "build-head", Data: data},
			{Template: "build-steps", Class: "steps", Data: data},
			{Template: "build-log", Class: "log", Data: data},
		},
	}, nil
}

// chosen is the job whose log is shown: the one asked for, else the one that
// failed or runs, else the last that has a log.
func chosen(b api.Build, id string) *api.Job {
	var last *api.Job
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.ID == id {
			return j
		}
		if j.Attempts > 0 && (last == nil || last.State != "failed") {
			last = j
		}
	}
	return last
}

func (s *site) deployments(r *http.Request, _ slipway.Principal) (page, error) {
	q := r.URL.Query()
	d, err := s.View.Deployments(r.Context(), q.Get("service"), q.Get("environment"), listLength)
	return page{Title: "Deployments", Command: "slipway events", Parts: []part{{Template: "deployments", Data: d}}}, err
}

// deploymentPage is what the deployment's templates show.
type deploymentPage struct {
	api.Deployment
	MayAbort   bool
	MayPromote int // the stage that may be let pass, from 1; 0: there is none
}

func (s *site) deployment(r *http.Request, p slipway.Principal) (page, error) {
	id, err := number(r, "id")
	if err != nil {
		return page{}, err
	}
	d, err := s.View.Deployment(r.Context(), id)
	if err != nil {
		return page{}, err
	}
	data := deploymentPage{Deployment: d, MayAbort: !d.Ended && p.CanDeploy(slipway.EnvironmentName(d.Environment))}
	if data.MayAbort && d.Phase == string(slipway.Progressing) && d.At < len(d.Stages) && (d.Stages[d.At].HoldMS > 0 || len(d.Stages[d.At].Gates) > 0) {
		data.MayPromote = d.At + 1
	}
	return page{
		Title:   "Deployment " + strconv.FormatInt(id, 10),
		Command: "slipway deployment " + strconv.FormatInt(id, 10), Ended: d.Ended,
		Parts: []part{
			{Template: "deployment-head", Data: data},
			{Template: "deployment-gates", Data: data},
			{Template: "deployment-schedule", Data: data},
			{Template: "deployment-tests", Data: data},
			{Template: "deployment-why", Data: data},
			{Template: "deployment-instances", Data: data},
			{Template: "deployment-evidence", Data: data},
		},
	}, nil
}

func number(r *http.Request, name string) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || n < 1 {
		return 0, slipway.Errorf(slipway.NotFound, "%q is not a number", r.PathValue(name)).Do("the board is at /")
	}
	return n, nil
}

func (s *site) unblock(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, func(p slipway.Principal) (string, error) {
		n, err := number(r, "number")
		if err != nil {
			return "", err
		}
		repository := r.PathValue("repository")
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		err = s.Desk.Unblock(r.Context(), p, repository, int(n), slipway.JobID(r.PostFormValue("job")))
		return "/builds/" + url.PathEscape(repository) + "/" + strconv.FormatInt(n, 10), err
	})
}

func (s *site) abort(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, func(p slipway.Principal) (string, error) {
		id, err := number(r, "id")
		if err != nil {
			return "", err
		}
		return "/deployments/" + strconv.FormatInt(id, 10), s.Desk.Abort(r.Context(), p, id)
	})
}

func (s *site) promote(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, func(p slipway.Principal) (string, error) {
		id, err := number(r, "id")
		if err != nil {
			return "", err
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		stage, err := strconv.Atoi(r.PostFormValue("stage")) // that the person saw
		if err != nil || stage < 1 {
			return "", slipway.Errorf(slipway.Invalid, "%q is no stage", r.PostFormValue("stage"))
		}
		return "/deployments/" + strconv.FormatInt(id, 10), s.Desk.Promote(r.Context(), p, id, stage)
	})
}

// do carries out what a button asks for and goes back to the page.
func (s *site) do(w http.ResponseWriter, r *http.Request, f func(slipway.Principal) (string, error)) {
	p, err := s.Sessions.Person(r)
	if err == nil {
		var back string
		if back, err = f(p); err == nil {
			http.Redirect(w, r, back, http.StatusSeeOther)
			return
		}
	}
	s.fail(w, r, err)
}
