package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

const mostBody = 8 << 20

func (g *gauge) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !g.isReady() {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /echo", g.echo)
	mux.HandleFunc("GET /stream", g.stream)
	mux.HandleFunc("GET /ws", g.talk)
	mux.HandleFunc("GET /through", g.through)
	mux.HandleFunc("GET /metrics", g.orders.tell)
	mux.HandleFunc("/", g.who)
	return g.accounted(mux)
}

// accounted writes each request down when it begins and when it ends, and marks
// the answer as this service's own.
func (g *gauge) accounted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("Request-Id")
		w.Header().Set("Served-By", os.Getenv("SLIPWAY_SERVICE")+"/"+os.Getenv("SLIPWAY_RELEASE")+"/"+strconv.Itoa(os.Getpid()))
		w.Header().Set("Served-In", os.Getenv("SLIPWAY_ENVIRONMENT"))
		g.write("begins", id)
		time.Sleep(g.takes)
		if probe := id == "" && r.Method == http.MethodGet; probe || rand.Float64() >= g.wrong.part || !g.err(w, r) {
			h.ServeHTTP(w, r)
		}
		if id != "" {
			g.orders.take()
		}
		g.write("ends", id)
	})
}

// err does to a request what this version does wrong, and reports whether that was
// all.
func (g *gauge) err(w http.ResponseWriter, r *http.Request) bool {
	switch g.wrong.how {
	case "hang":
		<-r.Context().Done()
	case "reset":
		panic(http.ErrAbortHandler)
	case "slow":
		time.Sleep(time.Second)
		return false
	default:
		code, _ := strconv.Atoi(g.wrong.how)
		if code >= http.StatusInternalServerError {
			g.log.Error("cannot think", "status", code)
		}
		http.Error(w, "cannot think", code)
	}
	return true
}

func (g *gauge) who(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintf(w, "%s @%s, process %d\n", os.Getenv("SLIPWAY_INSTANCE"), os.Getenv("SLIPWAY_RELEASE"), os.Getpid())
}

// echo gives a body back. What a POST does, it does once it has the whole body:
// it stands in the ledger.
func (g *gauge) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.write("posted", r.Header.Get("Request-Id"))
	sum := sha256.Sum256(body)
	w.Header().Set("Body-Sum", hex.EncodeToString(sum[:]))
	_, _ = w.Write(body)
}

// stream answers slowly: n parts of 100 bytes, one every ms milliseconds.
func (g *gauge) stream(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.FormValue("n"))
	ms, _ := strconv.Atoi(r.FormValue("ms"))
	part := make([]byte, 100)
	for i := range part {
		part[i] = '.'
	}
	for range min(n, 10_000) {
		if _, err := w.Write(part); err != nil || http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Duration(ms) * time.Millisecond):
		}
	}
}

// talk says again what it hears.
func (g *gauge) talk(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, text, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// through asks the service that NEXT_URL names, once, and passes its answer on.
func (g *gauge) through(w http.ResponseWriter, r *http.Request) {
	next := os.Getenv("GAUGE_NEXT")
	if next != "" {
		next = os.Getenv(next)
	}
	switch {
	case g.fails:
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	case next == "":
		g.who(w, r)
		return
	}
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, next+"/through", nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for name := range r.Header { // as a service does that passes on what it does not know
		if name == "Request-Id" || name == "Traceparent" || name == "Slipway-Retry" {
			ask.Header.Set(name, r.Header.Get(name))
		}
	}
	res, err := http.DefaultClient.Do(ask)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = res.Body.Close() }()
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}
