package image

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-cd/slipway"
)

func TestPush(t *testing.T) {
	known := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, token, _ := r.BasicAuth(); token != "slj_good" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		known.ServeHTTP(w, r)
	}))
	defer server.Close()

	img, err := Build(tree(t, map[string]string{"server*": "binary"}), manifestOf(slipway.ImageFile{From: "server", To: "/server"}))
	if err != nil {
		t.Fatal(err)
	}
	to := Reference{Registry: server.URL, Repository: "thoughts-backend", Tag: strings.Repeat("a", 40), Token: "slj_good"}
	var done, total int64
	digest, err := Push(t.Context(), img, to, func(d, all int64) { done, total = d, all })
	if err != nil {
		t.Fatal(err)
	}
	if done == 0 || done != total {
		t.Errorf("progress ended at %d of %d bytes", done, total)
	}
	head := httptest.NewRecorder()
	known.ServeHTTP(head, httptest.NewRequest(http.MethodHead, "/v2/thoughts-backend/manifests/"+to.Tag, nil))
	if got := head.Header().Get("Docker-Content-Digest"); got != string(digest) || !digest.Valid() {
		t.Errorf("the registry has %q; pushed %q", got, digest)
	}
	if want, err := img.Digest(); err != nil || want.String() != string(digest) {
		t.Errorf("the image is %v, %v; pushed %s", want, err, digest)
	}
	if again, err := Push(t.Context(), img, to, nil); again != digest || err != nil {
		t.Errorf("pushed again: %s, %v", again, err)
	}

	to.Token = "slj_bad"
	if _, err := Push(t.Context(), img, to, nil); slipway.CodeOf(err) != slipway.Unauthenticated {
		t.Errorf("a token that nobody knows: %v", err)
	}
	to.Registry = "127.0.0.1"
	if _, err := Push(t.Context(), img, to, nil); slipway.CodeOf(err) != slipway.Invalid {
		t.Errorf("a registry without a scheme: %v", err)
	}
}
