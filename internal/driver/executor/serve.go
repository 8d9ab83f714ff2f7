package executor

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/slipway-cd/slipway"
)

// Listen opens the socket. Whoever had it before has ended: the caller holds
// what only one may hold.
func Listen(socket string) (net.Listener, error) {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, slipway.Errorf(slipway.Unavailable, "the executor's socket cannot be made: %w", err)
	}
	var c net.ListenConfig
	l, err := c.Listen(context.Background(), "unix", socket)
	if err != nil {
		return nil, slipway.Errorf(slipway.Unavailable, "the executor's socket cannot be made: %w", err)
	}
	return l, os.Chmod(socket, 0o600)
}

// Serve answers at l until ctx ends. What is being started then is waited for.
func Serve(ctx context.Context, l net.Listener, d Driver, log *slog.Logger) error {
	asking, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: Handler(d), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return asking },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	time.AfterFunc(endWithin/2, cut) // those who only listen
	ending, stop := context.WithTimeout(asking, endWithin)
	defer stop()
	if server.Shutdown(ending) != nil {
		_ = server.Close()
	}
	return nil
}

// endWithin is how long an executor waits for what is being started.
const endWithin = time.Second
