package daemon

import (
	"log/slog"
	"net/http"
	"runtime/debug"
)

// recovering logs a handler's panic with its stack and answers with an error:
// one bad request must neither vanish without a word nor take the server along.
func recovering(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch why := recover(); why {
			case nil:
			case http.ErrAbortHandler:
				panic(why) // how a handler breaks an answer off on purpose
			default:
				log.Error("a handler panicked", "method", r.Method, "path", r.URL.Path, "why", why, "stack", string(debug.Stack()))
				http.Error(w, "internal error", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
