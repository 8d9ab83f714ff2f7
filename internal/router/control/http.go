package control

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/slipway-cd/slipway"
)

// authenticated lets routers in, each as itself.
func (c *Control) authenticated(serve func(http.ResponseWriter, *http.Request, slipway.RouterID) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := c.caller(r)
		if err == nil {
			err = serve(w, r, id)
		}
		if err != nil {
			c.refuse(w, r, err)
		}
	})
}

func (c *Control) caller(r *http.Request) (slipway.RouterID, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", slipway.Errorf(slipway.Unauthenticated, "a router's token is needed")
	}
	p, err := c.auth.Authenticate(r.Context(), token)
	if err != nil {
		return "", err
	}
	if p.Router == "" {
		return "", slipway.Errorf(slipway.Forbidden, "only routers may do this")
	}
	return p.Router, nil
}

// refuse answers with the problem.
func (c *Control) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := slipway.CodeOf(err)
	if code == slipway.Internal && r.Context().Err() == nil {
		c.log.Error("a router's call failed", "path", r.URL.Path, "error", err)
	}
	status := code.HTTPStatus()
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "detail": slipway.MessageOf(err), "status": status})
}
