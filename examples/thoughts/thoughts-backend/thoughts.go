package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

type thought struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
	Author string `json:"author"`
	Text   string `json:"text"`
}

var thoughts = []thought{
	{"t1", "u1", "", "Small steps are easy to take back."},
	{"t2", "u2", "", "A deploy nobody notices is a good deploy."},
	{"t3", "u3", "", "What is not measured is a guess."},
	{"t4", "u4", "", "Ships are safe in the harbour, but that is not what ships are for."},
}

// backend answers with what it keeps and what it asks others.
type backend struct {
	users string // address of users-backend
	cache string // host:port of the cache, "" for none
	http  *http.Client
}

func fromEnv() *backend {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &backend{
		users: os.Getenv("USERS_BACKEND_URL"),
		cache: os.Getenv("CACHE_ADDR"),
		http:  &http.Client{Transport: t, Timeout: 10 * time.Second},
	}
}

func (b *backend) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", b.ready)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	mux.HandleFunc("GET /thoughts", b.list)
	return mux
}

// ready says no while the cache, where there is one, cannot be reached.
func (b *backend) ready(w http.ResponseWriter, r *http.Request) {
	if b.cache != "" {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.cache)
		if err != nil {
			slog.Error("cache", "err", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = conn.Close()
	}
	fmt.Fprintln(w, "ok")
}

func (b *backend) list(w http.ResponseWriter, r *http.Request) {
	names, err := b.names(r.Context())
	if err != nil {
		slog.Error("users-backend", "err", err)
		http.Error(w, "cannot reach users-backend", http.StatusBadGateway)
		return
	}
	all := make([]thought, len(thoughts))
	for i, t := range thoughts {
		t.Author = names[t.UserID]
		all[i] = t
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all) // a client that left needs no answer
}

// names asks users-backend for everybody's name, by ID.
func (b *backend) names(ctx context.Context) (map[string]string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.users+"/users", nil)
	if err != nil {
		return nil, err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET /users: %s", resp.Status)
	}
	var users []struct{ ID, Name string }
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<20)).Decode(&users); err != nil {
		return nil, err
	}
	names := make(map[string]string, len(users))
	for _, u := range users {
		names[u.ID] = u.Name
	}
	return names, nil
}
