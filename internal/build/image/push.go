package image

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociclient"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-cd/slipway"
)

// Reference says where an image goes.
type Reference struct {
	Registry   string // URL of the server: http://127.0.0.1:7070
	Repository slipway.RepositoryName
	Tag        string
	Token      string
}

// Push uploads img, but for the blobs that the registry has already, and
// returns its digest. Progress, which may be nil, is told how many bytes of the
// image are there; on a retry the number falls. A registry that does not answer
// is tried again for about ten seconds.
//
// Its errors are Invalid, Unauthenticated, Forbidden, TooLarge and Unavailable.
func Push(ctx context.Context, img v1.Image, to Reference, progress func(done, total int64)) (slipway.Digest, error) {
	registry, err := dial(to)
	if err != nil {
		return "", err
	}
	for wait := 250 * time.Millisecond; ; wait *= 2 {
		digest, err := push(ctx, registry, img, to, progress)
		if err == nil {
			return digest, nil
		}
		err = refused(to, err)
		if slipway.CodeOf(err) != slipway.Unavailable || wait > 4*time.Second {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(wait + rand.N(wait/2)):
		}
	}
}

// part is a blob of an image.
type part interface {
	Digest() (v1.Hash, error)
	Size() (int64, error)
	Compressed() (io.ReadCloser, error)
}

func push(ctx context.Context, registry ociregistry.Interface, img v1.Image, to Reference, progress func(done, total int64)) (slipway.Digest, error) {
	parts, total, err := partsOf(img)
	if err != nil {
		return "", err
	}
	done := &meter{total: total, tell: progress}
	for _, p := range parts {
		if err := pushPart(ctx, registry, string(to.Repository), p, done); err != nil {
			return "", err
		}
	}
	raw, err := img.RawManifest()
	if err != nil {
		return "", err
	}
	mediaType, err := img.MediaType()
	if err != nil {
		return "", err
	}
	desc, err := registry.PushManifest(ctx, string(to.Repository), to.Tag, raw, string(mediaType))
	return slipway.Digest(desc.Digest), err
}

func pushPart(ctx context.Context, registry ociregistry.Interface, repository string, p part, done *meter) error {
	hash, err := p.Digest()
	if err != nil {
		return err
	}
	size, err := p.Size()
	if err != nil {
		return err
	}
	digest := ociregistry.Digest(hash.String())
	if _, err := registry.ResolveBlob(ctx, repository, digest); err == nil {
		done.add(size)
		return nil
	}
	r, err := p.Compressed()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = registry.PushBlob(ctx, repository, ociregistry.Descriptor{Digest: digest, Size: size}, io.TeeReader(r, done))
	return err
}

func dial(to Reference) (ociregistry.Interface, error) {
	u, err := url.Parse(to.Registry)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, slipway.Errorf(slipway.Invalid, "%q is not the URL of a registry", to.Registry)
	}
	return ociclient.New(u.Host, &ociclient.Options{
		Insecure:  u.Scheme == "http",
		Transport: authorized{to.Token, u.Host, http.DefaultTransport},
	})
}

// authorized sends the token to one host only, wherever a redirect may lead.
type authorized struct {
	token, host string
	next        http.RoundTripper
}

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == a.host {
		r = r.Clone(r.Context())
		r.SetBasicAuth("slipway", a.token)
	}
	return a.next.RoundTrip(r)
}

// refused says in a sentence why a registry did not take an image.
func refused(to Reference, err error) error {
	code, why := slipway.Unavailable, "it did not answer"
	if e, ok := errors.AsType[ociregistry.HTTPError](err); ok {
		why = http.StatusText(e.StatusCode())
		switch e.StatusCode() {
		case http.StatusUnauthorized:
			code = slipway.Unauthenticated
		case http.StatusForbidden:
			code = slipway.Forbidden
		case http.StatusRequestEntityTooLarge:
			code = slipway.TooLarge
		default:
			if e.StatusCode() < http.StatusInternalServerError {
				code = slipway.Invalid
			}
		}
	}
	if e, ok := errors.AsType[*ociregistry.WireError](err); ok && e.Message != "" {
		why = e.Message
	}
	e := slipway.Errorf(code, "the registry at %s did not take %s:%s: %s", to.Registry, to.Repository, to.Tag, why)
	e.Err = err
	return e
}
