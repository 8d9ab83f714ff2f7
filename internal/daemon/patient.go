package daemon

import (
	"io"
	"net/http"
	"time"
)

// stall is how long a client may be silent while it sends a body.
const stall = 2 * time.Minute

// patient lets a client take its time to send a body, which may be large, but
// not fall silent: who does holds a connection, and what serves it, for ever.
func patient(stall time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			// A copy: net/http looks at the body of its own request.
			r = r.WithContext(r.Context())
			r.Body = &patientBody{r.Body, http.NewResponseController(w), stall}
		}
		next.ServeHTTP(w, r)
	})
}

type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	stall   time.Duration
}

func (b *patientBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(b.stall)) // always possible on a connection of ours
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
