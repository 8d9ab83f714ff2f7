package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// failure is a Problem as huma writes it.
type failure struct{ api.Problem }

func (f *failure) GetStatus() int            { return f.Status }
func (f *failure) Error() string             { return f.Message }
func (f *failure) ContentType(string) string { return "application/problem+json" }

// fail makes of err what a client may see. The cause of what is not theirs to
// mend goes to the log.
func fail(log *slog.Logger, err error) *failure {
	code := slipway.CodeOf(err)
	if code == slipway.Internal {
		log.Error("a call failed", "err", err)
	}
	status := code.HTTPStatus()
	if code == slipway.Invalid {
		status = http.StatusUnprocessableEntity // as huma answers what it finds wrong itself
	}
	return &failure{api.Problem{Code: string(code), Message: slipway.MessageOf(err), Status: status}}
}

// refuse answers with err outside of huma.
func refuse(w http.ResponseWriter, log *slog.Logger, err error) {
	f := fail(log, err)
	w.Header().Set("Content-Type", f.ContentType(""))
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f.Problem) // the client went away
}

// problems turns huma's own errors, which are about the shape of a request, into
// Problems.
func problems(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := api.Problem{Code: string(slipway.Invalid), Message: e.Detail, Status: e.Status}
	switch {
	case e.Status == http.StatusRequestEntityTooLarge:
		p.Code = string(slipway.TooLarge)
	case e.Status >= 500:
		p.Code, p.Message = string(slipway.Internal), "internal error"
	}
	var details []string
	for _, d := range e.Errors {
		details = append(details, strings.TrimPrefix(d.Location+": "+d.Message, ": "))
	}
	if len(details) > 0 {
		p.Message = strings.Join(details, "\n")
	}
	return &p, nil
}
