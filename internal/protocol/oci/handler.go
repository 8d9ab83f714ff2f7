package oci

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"syscall"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// Authenticator says who a token belongs to; its error is Unauthenticated for a
// token that is not known.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (slipway.Principal, error)
}

// Handler serves the registry under /v2/. Everyone with a role and every job
// may pull. A person who may push to repositories may push images; a job may
// push to the repository of its build and to no other.
func Handler(images *Images, auth Authenticator, log *slog.Logger) http.Handler {
	return &handler{images, auth, log, ociserver.New(backend{Images: images}, &ociserver.Options{
		DisableReferrersAPI: true,
		MaxListPageSize:     1000,
		WriteError:          func(w http.ResponseWriter, r *http.Request, err error) { writeError(w, r, log, err) },
	})}
}

type handler struct {
	images   *Images
	auth     Authenticator
	log      *slog.Logger
	protocol http.Handler
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var failed error
	r = r.WithContext(context.WithValue(r.Context(), failure{}, &failed))
	if err := h.allow(r); err != nil {
		writeError(w, r, h.log, err)
		return
	}
	limit := int64(MaxBlobBytes)
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
		limit = MaxManifestBytes
	}
	if r.ContentLength > limit {
		writeError(w, r, h.log, tooLarge(limit))
		return
	}
	r.Body = body{http.MaxBytesReader(w, r.Body, limit), r.Context()}
	h.startInsteadOfMount(r)
	h.protocol.ServeHTTP(w, r)
}

// allow decides whether the request's token may do what it asks.
func (h *handler) allow(r *http.Request) error {
	p, err := h.auth.Authenticate(r.Context(), token(r))
	if err != nil {
		return err
	}
	repository, err := repositoryOf(r.URL.Path)
	if err != nil {
		return err
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if !p.CanRead() {
			return slipway.Errorf(slipway.Forbidden, "%s may not pull images", p.Actor.Name)
		}
	case p.Job != nil:
		if string(p.Job.Repository) != repository {
			return slipway.Errorf(slipway.Forbidden, "a job of %s may push images to %s only, not to %s", p.Job.Repository, p.Job.Repository, repository)
		}
	case !p.CanPush():
		return slipway.Errorf(slipway.Forbidden, "%s may not push images", p.Actor.Name)
	}
	return nil
}

// endpoint is every path of the protocol for a repository. It leaves no two
// ways to read where the repository's name ends.
var endpoint = regexp.MustCompile(`^/v2/([^/]+)/(?:blobs/uploads/?|blobs/uploads/[^/]+|blobs/[^/]+|manifests/[^/]+|tags/list|referrers/[^/]+)$`)

// repositoryOf is the repository that a path is about, "" for those about none.
func repositoryOf(path string) (string, error) {
	if path == "/v2" || path == "/v2/" || path == "/v2/_catalog" {
		return "", nil
	}
	match := endpoint.FindStringSubmatch(path)
	if match == nil {
		return "", ociregistry.NewError("a repository here has a name without slashes", ociregistry.ErrNameInvalid.Code(), nil)
	}
	if err := slipway.RepositoryName(match[1]).Validate(); err != nil {
		return "", ociregistry.NewError(slipway.MessageOf(err), ociregistry.ErrNameInvalid.Code(), nil)
	}
	return match[1], nil
}

// startInsteadOfMount makes an ordinary upload of a mount that cannot succeed,
// as the protocol wishes.
func (h *handler) startInsteadOfMount(r *http.Request) {
	q := r.URL.Query()
	mount := digest.Digest(q.Get("mount"))
	if mount == "" || mount.Validate() != nil {
		return
	}
	if _, err := (backend{Images: h.images}).ResolveBlob(r.Context(), "", mount); err != nil {
		q.Del("mount")
		q.Del("from")
		r.URL.RawQuery = q.Encode()
	}
}

// token is the password of Basic authentication, whoever the user, or the
// Bearer token.
func token(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return bearer
}

// failure is the context's key of what made a request fail: the protocol's
// server flattens some errors into text.
type failure struct{}

func fail(ctx context.Context, err error) error {
	if at, ok := ctx.Value(failure{}).(*error); ok && err != nil && *at == nil {
		*at = err
	}
	return err
}

// body tells of a limit that was exceeded.
type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		return n, err
	}
	return n, fail(b.ctx, err)
}

func writeError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	if at, ok := r.Context().Value(failure{}).(*error); ok && *at != nil {
		err = *at
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		err = tooLarge(e.Limit)
	} else if errors.Is(err, syscall.ENOSPC) {
		err = slipway.Errorf(slipway.Unavailable, "the server's disk is full")
	}
	code := ""
	switch slipway.CodeOf(err) {
	case slipway.Unauthenticated:
		code = ociregistry.ErrUnauthorized.Code()
		w.Header().Set("WWW-Authenticate", `Basic realm="Slipway"`)
	case slipway.Forbidden:
		code = ociregistry.ErrDenied.Code()
	case slipway.TooLarge:
		code = ociregistry.ErrSizeInvalid.Code()
	case slipway.Unavailable:
		code = "UNAVAILABLE"
	default:
		_ = ociregistry.WriteError(w, known(r, log, err))
		return
	}
	text, _ := ociregistry.MarshalError(ociregistry.NewError(slipway.MessageOf(err), code, nil))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(slipway.CodeOf(err).HTTPStatus())
	_, _ = w.Write(text)
}

// known is err when the protocol knows it. Any other is for the log only.
func known(r *http.Request, log *slog.Logger, err error) error {
	if _, ok := errors.AsType[ociregistry.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[ociregistry.HTTPError](err); ok {
		return err
	}
	log.ErrorContext(r.Context(), "registry", "method", r.Method, "path", r.URL.Path, "err", err)
	return errors.New("internal error")
}

func tooLarge(limit int64) error {
	return slipway.Errorf(slipway.TooLarge, "no more than %d MiB are taken here", limit>>20)
}
