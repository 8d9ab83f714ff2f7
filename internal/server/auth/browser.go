package auth

import (
	"net/http"
	"strings"
)

// policy lets a page load its own files and nothing else: no inline script, no
// frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Browser guards pages. They answer at base (http://HOST:PORT) only: any other
// host is sent there, so that a cookie for it reaches nobody else and a name
// that was made to point here sees nothing. What changes something must come
// from a page of ours.
func Browser(base string, pages http.Handler) http.Handler {
	guarded := http.NewCrossOriginProtection().Handler(pages)
	_, host, _ := strings.Cut(base, "://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case r.Host == host:
			guarded.ServeHTTP(w, r)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, base+r.URL.RequestURI(), http.StatusFound)
		default:
			http.Error(w, "the pages are at "+base, http.StatusMisdirectedRequest)
		}
	})
}
