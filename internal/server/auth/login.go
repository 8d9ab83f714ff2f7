package auth

import (
	"html/template"
	"log/slog"
	"net/http"

	"github.com/slipway-cd/slipway"
)

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in · Slipway</title><link rel="stylesheet" href="/assets/app.css">
<main><h1>Sign in to Slipway</h1>
{{if .Problem}}<p>{{.Problem}}</p>
{{else}}<form method="post" action="/login"><input type="hidden" name="token" value="{{.Token}}"><button autofocus>Sign in</button></form>
{{end}}</main>
`))

type loginData struct{ Token, Problem string }

// LoginHandler serves GET and POST /login and POST /logout. Following the link
// signs nobody in, so a preview of it in a chat does not use it up; pressing the
// button does. Mount it inside [Browser].
func (a *Auth) LoginHandler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	render := func(w http.ResponseWriter, status int, d loginData) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_ = loginPage.Execute(w, d) // the browser went away
	}
	fail := func(w http.ResponseWriter, err error) {
		code := slipway.CodeOf(err)
		if code == slipway.Internal {
			log.Error("signing in", "err", err)
		}
		render(w, code.HTTPStatus(), loginData{Problem: slipway.MessageOf(err)})
	}
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		// The address of this page holds the token: it goes nowhere. The form's
		// origin still does, so that it is known to be ours.
		w.Header().Set("Referrer-Policy", "strict-origin")
		token := r.URL.Query().Get("token")
		if !wellFormed(token, loginPrefix) {
			fail(w, signedOut())
			return
		}
		render(w, http.StatusOK, loginData{Token: token})
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		if err := a.Begin(w, r, r.PostFormValue("token")); err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := a.End(w, r); err != nil {
			fail(w, err)
			return
		}
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	})
	return mux
}
