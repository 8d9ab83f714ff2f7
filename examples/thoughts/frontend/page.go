package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"os"
	"time"
)

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Thoughts</title>
<h1>Thoughts of {{len .People}} people</h1>
{{range .Thoughts}}<blockquote>{{.Text}} <cite>{{.Author}}</cite></blockquote>
{{end}}<footer>frontend {{.Version}}</footer>
</html>
`))

type person struct{ Name string }

type thought struct{ Author, Text string }

// frontend draws the page from what the backends say.
type frontend struct {
	users, thoughts string // addresses of the backends
	http            *http.Client
}

func fromEnv() *frontend {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &frontend{
		users:    os.Getenv("USERS_BACKEND_URL"),
		thoughts: os.Getenv("THOUGHTS_BACKEND_URL"),
		http:     &http.Client{Transport: t, Timeout: 10 * time.Second},
	}
}

func (f *frontend) routes() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	mux.HandleFunc("GET /{$}", f.show)
	return mux
}

func (f *frontend) show(w http.ResponseWriter, r *http.Request) {
	var people []person
	var thoughts []thought
	err := f.get(r.Context(), f.users+"/users", &people)
	if err == nil {
		err = f.get(r.Context(), f.thoughts+"/thoughts", &thoughts)
	}
	if err != nil {
		slog.Error("a backend is away", "err", err)
		http.Error(w, "a backend is away", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string]any{"People": people, "Thoughts": thoughts, "Version": version}) // a client that left needs no page
}

func (f *frontend) get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := f.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(v)
}
