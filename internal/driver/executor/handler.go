package executor

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/slipway-cd/slipway"
)

// Handler serves the driver d.
func Handler(d Driver) http.Handler {
	mux := http.NewServeMux()
	answer(mux, applyPath, func(ctx context.Context, a asked) (any, error) {
		if a.Group == nil {
			return nil, slipway.Errorf(slipway.Invalid, "no group is named")
		}
		return nil, d.Apply(ctx, *a.Group)
	})
	answer(mux, stopPath, func(ctx context.Context, a asked) (any, error) {
		return nil, d.Stop(ctx, a.Target, a.Instance, a.Fence)
	})
	answer(mux, forgetPath, func(ctx context.Context, a asked) (any, error) {
		return nil, d.Forget(ctx, a.Target, a.Instance, a.Fence)
	})
	answer(mux, listPath, func(ctx context.Context, _ asked) (any, error) { return d.List(ctx) })
	answer(mux, observePath, func(ctx context.Context, a asked) (any, error) { return d.Observe(ctx, a.Target) })
	answer(mux, printedPath, func(ctx context.Context, a asked) (any, error) { return d.Printed(ctx, a.Target) })
	answer(mux, limitsPath, func(context.Context, asked) (any, error) { return d.Limits(), nil })
	answer(mux, prunePath, func(ctx context.Context, a asked) (any, error) {
		n, bytes, err := d.PruneTrees(ctx, a.Keep, a.Since, a.Dry)
		return pruned{n, bytes}, err
	})
	handle(mux, logsPath, func(w http.ResponseWriter, r *http.Request, a asked) error {
		log, err := d.LogsSince(r.Context(), a.Target, a.Instance, a.Since, a.Tail, a.Follow)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		out := flushing{w, http.NewResponseController(w)}
		_, _ = out.Write(nil) // there is a log, whenever it says something
		_, _ = io.Copy(out, log)
		return nil
	})
	handle(mux, watchPath, func(w http.ResponseWriter, r *http.Request, _ asked) error {
		watch(r.Context(), w, d)
		return nil
	})
	return mux
}

// answer serves what is asked and answered by one value.
func answer(mux *http.ServeMux, path string, f func(context.Context, asked) (any, error)) {
	handle(mux, path, func(w http.ResponseWriter, r *http.Request, a asked) error {
		value, err := f(r.Context(), a)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
		return nil
	})
}

// handle serves a path. f has written nothing when it returns an error.
func handle(mux *http.ServeMux, path string, f func(http.ResponseWriter, *http.Request, asked) error) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var a asked
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsked)).Decode(&a)
		if err != nil {
			refuse(w, slipway.Errorf(slipway.Invalid, "what is asked of the executor cannot be read: %w", err))
			return
		}
		if err := f(w, r, a); err != nil {
			refuse(w, err)
		}
	})
}

// flushing sends what is written at once: somebody follows it.
type flushing struct {
	w     io.Writer
	flush *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil {
		err = f.flush.Flush()
	}
	return n, err
}
