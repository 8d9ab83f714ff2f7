package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

type user struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

var users = []user{
	{"u1", "Mei"},
	{"u2", "Jon"},
	{"u3", "Amara"},
	{"u4", "Søren"},
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	mux.HandleFunc("GET /users", func(w http.ResponseWriter, _ *http.Request) { reply(w, users) })
	mux.HandleFunc("GET /users/{id}", find)
	return mux
}

func find(w http.ResponseWriter, r *http.Request) {
	for _, u := range users {
		if u.ID == r.PathValue("id") {
			reply(w, u)
			return
		}
	}
	http.Error(w, "no such user", http.StatusNotFound)
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that left needs no answer
}
