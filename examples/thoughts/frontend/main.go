// Command frontend is the page: it asks thoughts-backend what people think and
// users-backend who they are.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	name    = "frontend"
	version = "1.0.0"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("cannot serve", "err", err)
		os.Exit(1)
	}
}

// run serves on 127.0.0.1:$PORT until ctx ends, then lets requests in flight
// finish.
func run(ctx context.Context) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv("PORT")))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: answered(fromEnv().routes()), ReadHeaderTimeout: 30 * time.Second}
	slog.Info("listening", "service", name, "version", version, "addr", l.Addr().String())

	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	slog.Info("shutting down")
	last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answered marks every answer as this service's own, so that whoever asked can
// tell it from one made on the way.
func answered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Served-By", name+"/"+version)
		h.ServeHTTP(w, r)
	})
}
