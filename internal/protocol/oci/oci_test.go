package oci

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"cuelabs.dev/go/oci/ociregistry/ociclient"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// folder is a blob store in a folder.
type folder string

func (f folder) Put(_ context.Context, key string, r io.Reader) error {
	name := filepath.Join(string(f), filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

func (f folder) Get(_ context.Context, key string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, slipway.Errorf(slipway.NotFound, "no blob %s", key)
	}
	return file, err
}

func (f folder) Size(_ context.Context, key string) (int64, error) {
	info, err := os.Stat(filepath.Join(string(f), filepath.FromSlash(key)))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, slipway.Errorf(slipway.NotFound, "no blob %s", key)
	} else if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f folder) List(_ context.Context, prefix string) (all []Stored, err error) {
	err = filepath.WalkDir(string(f), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(string(f), name)
		if key = filepath.ToSlash(key); strings.HasPrefix(key, prefix) {
			info, err := d.Info()
			if err != nil {
				return err
			}
			all = append(all, Stored{key, info.Size(), info.ModTime()})
		}
		return err
	})
	slices.SortFunc(all, func(a, b Stored) int { return strings.Compare(a.Key, b.Key) })
	return all, err
}

func (f folder) Touch(_ context.Context, key string) error {
	now := time.Now()
	err := os.Chtimes(filepath.Join(string(f), filepath.FromSlash(key)), now, now)
	if errors.Is(err, fs.ErrNotExist) {
		return slipway.Errorf(slipway.NotFound, "no blob %s", key)
	}
	return err
}

func (f folder) DeleteOlder(_ context.Context, key string, before time.Time) (int64, bool, error) {
	name := filepath.Join(string(f), filepath.FromSlash(key))
	info, err := os.Stat(name)
	if err != nil || !info.ModTime().Before(before) {
		return 0, false, nil
	}
	return info.Size(), true, os.Remove(name)
}

// tokens are principals by token.
type tokens map[string]slipway.Principal

func (t tokens) Authenticate(_ context.Context, token string) (slipway.Principal, error) {
	if p, ok := t[token]; ok {
		return p, nil
	}
	return slipway.Principal{}, slipway.Errorf(slipway.Unauthenticated, "a token is needed").Do("Use one as the password.")
}

type world struct {
	images *Images
	blobs  folder
	spool  string
	url    string
	host   string
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{blobs: folder(t.TempDir()), spool: t.TempDir()}
	w.images = New(w.blobs, w.spool)
	server := httptest.NewServer(Handler(w.images, tokens{
		"slu_admin":  {Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "mei"}, Role: slipway.Admin},
		"slu_viewer": {Actor: slipway.Actor{Kind: slipway.ActorUser, Name: "jon"}, Role: slipway.Viewer},
		"slj_job":    {Actor: slipway.Actor{Kind: slipway.ActorJob, Name: "frontend/1 Push"}, Job: &slipway.JobGrant{Repository: "frontend"}},
		"sla_agent":  {Actor: slipway.Actor{Kind: slipway.ActorAgent, Name: "a1"}, Agent: "a1"},
	}, slog.New(slog.DiscardHandler)))
	t.Cleanup(server.Close)
	w.url, w.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return w
}

type basic string

func (b basic) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth("x", string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) client(t *testing.T, token string) ociregistry.Interface {
	t.Helper()
	c, err := ociclient.New(w.host, &ociclient.Options{Insecure: true, Transport: basic(token)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// do makes one request and returns its status, headers and body.
func (w *world) do(t *testing.T, token, method, path, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	at := path
	if strings.HasPrefix(path, "/") {
		at = w.url + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

func pushImage(t *testing.T, c ociregistry.Interface, repository, tag string, img v1.Image) slipway.Digest {
	t.Helper()
	blob := func(d v1.Hash, r io.Reader, size int64) {
		desc := ociregistry.Descriptor{Digest: digest.Digest(d.String()), Size: size}
		if _, err := c.PushBlob(t.Context(), repository, desc, r); err != nil {
			t.Fatal(err)
		}
	}
	layers, _ := img.Layers()
	for _, l := range layers {
		d, _ := l.Digest()
		size, _ := l.Size()
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		blob(d, r, size)
	}
	config, _ := img.RawConfigFile()
	name, _ := img.ConfigName()
	blob(name, bytes.NewReader(config), int64(len(config)))
	raw, _ := img.RawManifest()
	mediaType, _ := img.MediaType()
	desc, err := c.PushManifest(t.Context(), repository, tag, raw, string(mediaType))
	if err != nil {
		t.Fatal(err)
	}
	return slipway.Digest(desc.Digest)
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(300_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return mutate.MediaType(img, types.OCIManifestSchema1)
}

func TestPushAndRead(t *testing.T) {
	w := start(t)
	img := randomImage(t)
	d := pushImage(t, w.client(t, "slu_admin"), "frontend", "v1", img)

	if ok, err := w.images.Pin(t.Context(), d); !ok || err != nil {
		t.Errorf("Has: %v, %v", ok, err)
	}
	got, err := w.images.Image(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(w.spool); len(left) != 0 {
		t.Errorf("left in the spool: %v", left)
	}

	viewer := w.client(t, "slu_viewer")
	desc, err := viewer.ResolveTag(t.Context(), "frontend", "v1")
	if err != nil || slipway.Digest(desc.Digest) != d {
		t.Errorf("v1 is %v, %v", desc, err)
	}
	var tags, repositories []string
	for tag, err := range viewer.Tags(t.Context(), "frontend", "") {
		tags = append(tags, fmt.Sprint(tag, err))
	}
	for name, err := range viewer.Repositories(t.Context(), "") {
		repositories = append(repositories, fmt.Sprint(name, err))
	}
	if fmt.Sprint(tags, repositories) != "[v1<nil>] [frontend<nil>]" {
		t.Errorf("tags %v of repositories %v", tags, repositories)
	}
	for _, err := range viewer.Tags(t.Context(), "nobody", "") {
		if !errors.Is(err, ociregistry.ErrNameUnknown) {
			t.Errorf("tags of no repository: %v", err)
		}
	}

	none := slipway.Digest("sha256:" + strings.Repeat("0", 64))
	if _, err := w.images.Image(t.Context(), none); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("an image that is not here: %v", err)
	}
	if ok, err := w.images.Pin(t.Context(), none); ok || err != nil {
		t.Errorf("an image that is not here: %v, %v", ok, err)
	}
}

func TestIndex(t *testing.T) {
	w := start(t)
	c := w.client(t, "slu_admin")
	here, other := randomImage(t), randomImage(t)
	child := pushImage(t, c, "frontend", "", here)
	pushImage(t, c, "frontend", "", other)
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: other, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "plan9", Architecture: "mips"}}},
		mutate.IndexAddendum{Add: here, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}}})
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	desc, err := c.PushManifest(t.Context(), "frontend", "both", raw, string(types.OCIImageIndex))
	if err != nil {
		t.Fatal(err)
	}
	img, err := w.images.Image(t.Context(), slipway.Digest(desc.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := img.Digest(); d.String() != string(child) {
		t.Errorf("chose %s, want %s", d, child)
	}
}

func TestWho(t *testing.T) {
	w := start(t)
	img := randomImage(t)
	pushImage(t, w.client(t, "slj_job"), "frontend", "v1", img)
	for _, tc := range []struct {
		token, method, path string
		want                int
	}{
		{"", "GET", "/v2/", 401},
		{"unknown", "GET", "/v2/", 401},
		{"slu_viewer", "GET", "/v2/", 200},
		{"sla_agent", "GET", "/v2/", 403},
		{"sla_agent", "GET", "/v2/frontend/manifests/v1", 403},
		{"slu_viewer", "GET", "/v2/frontend/manifests/v1", 200},
		{"slj_job", "GET", "/v2/frontend/manifests/v1", 200},
		{"slu_viewer", "POST", "/v2/frontend/blobs/uploads/", 403},
		{"slj_job", "POST", "/v2/frontend/blobs/uploads/", 202},
		{"slj_job", "POST", "/v2/users-backend/blobs/uploads/", 403},
		{"slj_job", "PUT", "/v2/users-backend/manifests/v1", 403},
		{"slj_job", "DELETE", "/v2/users-backend/manifests/v1", 403},
		{"slu_admin", "DELETE", "/v2/frontend/manifests/v1", 400},
		{"slu_admin", "POST", "/v2/frontend/other/blobs/uploads/", 400},
		{"slj_job", "POST", "/v2/frontend/other/blobs/uploads/", 400},
		{"slj_job", "POST", "/v2/frontend%2Fother/blobs/uploads/", 400},
		{"slj_job", "POST", "/v2/frontend/blobs/uploads/blobs/uploads/", 400},
		{"slj_job", "PUT", "/v2/frontend/manifests/x/manifests/v1", 400},
		{"slj_job", "POST", "/v2/", 403},
		{"slu_admin", "POST", "/v2/Frontend/blobs/uploads/", 400},
		{"slu_admin", "POST", "/v2/../blobs/uploads/", 400},
		{"slu_admin", "GET", "/v2/frontend/manifests/..", 404},
	} {
		status, header, body := w.do(t, tc.token, tc.method, tc.path, "")
		if status != tc.want {
			t.Errorf("%s %s with %q: %d %s, want %d", tc.method, tc.path, tc.token, status, body, tc.want)
		}
		if (status == 401) != (header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s %s: challenge %q", tc.method, tc.path, header.Get("WWW-Authenticate"))
		}
	}
}

func TestChunks(t *testing.T) {
	w := start(t)
	data := strings.Repeat("0123456789", 1000)
	d := digest.FromString(data)
	_, header, _ := w.do(t, "slj_job", "POST", "/v2/frontend/blobs/uploads/", "")
	at := header.Get("Location")

	patch := func(from, to int) int {
		status, header, _ := w.do(t, "slj_job", "PATCH", at, data[from:to], "Content-Range", fmt.Sprintf("%d-%d", from, to-1))
		if status == 202 {
			at = header.Get("Location")
		}
		return status
	}
	if s := patch(0, 4000); s != 202 {
		t.Fatalf("first chunk: %d", s)
	}
	if s := patch(5000, 6000); s != 416 {
		t.Errorf("a chunk with a gap before it: %d", s)
	}
	if s := patch(4000, 9000); s != 202 {
		t.Errorf("second chunk: %d", s)
	}
	if _, header, _ := w.do(t, "slj_job", "GET", at, ""); header.Get("Range") != "0-8999" {
		t.Errorf("range %q", header.Get("Range"))
	}
	status, _, body := w.do(t, "slj_job", "PUT", at+"?digest="+d.String(), data[9000:], "Content-Range", "9000-9999")
	if status != 201 {
		t.Fatalf("the last chunk: %d %s", status, body)
	}
	if _, _, got := w.do(t, "slj_job", "GET", "/v2/frontend/blobs/"+d.String(), ""); got != data {
		t.Errorf("got %d bytes back", len(got))
	}
	if status, _, got := w.do(t, "slj_job", "GET", "/v2/frontend/blobs/"+d.String(), "", "Range", "bytes=10-14"); got != "01234" || status != 206 {
		t.Errorf("a range: %d %q", status, got)
	}
	if status, _, _ := w.do(t, "slj_job", "PATCH", at, "more"); status != 404 {
		t.Errorf("a chunk after the end: %d", status)
	}
}

func TestRefused(t *testing.T) {
	w := start(t)
	c := w.client(t, "slu_admin")
	upload := func() string {
		_, header, _ := w.do(t, "slu_admin", "POST", "/v2/frontend/blobs/uploads/", "")
		return header.Get("Location")
	}
	wrong := digest.FromString("something else").String()
	if status, _, body := w.do(t, "slu_admin", "PUT", upload()+"?digest="+wrong, "this"); status != 400 || !strings.Contains(body, "DIGEST_INVALID") {
		t.Errorf("a wrong digest: %d %s", status, body)
	}
	if keys, _ := w.blobs.List(t.Context(), ""); len(keys) != 0 {
		t.Errorf("stored: %v", keys)
	}
	if left, _ := os.ReadDir(w.spool); len(left) != 0 {
		t.Errorf("left in the spool: %v", left)
	}

	raw, err := randomImage(t).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	put := func(tag, body, mediaType string) (int, string) {
		status, _, text := w.do(t, "slu_admin", "PUT", "/v2/frontend/manifests/"+tag, body, "Content-Type", mediaType)
		return status, text
	}
	for _, tc := range []struct{ name, body, mediaType, want string }{
		{"blobs that were not pushed", string(raw), string(types.OCIManifestSchema1), "MANIFEST_BLOB_UNKNOWN"},
		{"another type", string(raw), string(types.DockerManifestSchema2), "MANIFEST_INVALID"},
		{"an old type", `{"schemaVersion":1,"mediaType":"` + string(types.DockerManifestSchema1) + `"}`, string(types.DockerManifestSchema1), "MANIFEST_INVALID"},
		{"no JSON", "<html>", string(types.DockerManifestSchema2), "MANIFEST_INVALID"},
		{"nothing in it", "{}", string(types.OCIManifestSchema1), "MANIFEST_INVALID"},
		{"a wicked digest", `{"config":{"digest":"sha256:../../../etc/passwd"},"layers":[]}`, string(types.OCIManifestSchema1), "MANIFEST_INVALID"},
		{"too large", strings.Repeat("x", MaxManifestBytes+1), string(types.OCIManifestSchema1), "SIZE_INVALID"},
	} {
		if status, body := put("v1", tc.body, tc.mediaType); status < 400 || status >= 500 || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %s, want %s", tc.name, status, body, tc.want)
		}
	}
	if _, err := c.ResolveTag(t.Context(), "frontend", "v1"); err == nil {
		t.Error("a refused manifest was tagged")
	}

	// A length that is not known beforehand is bounded all the same.
	r, err := http.NewRequestWithContext(t.Context(), "PUT", w.url+"/v2/frontend/manifests/v1", io.LimitReader(endless{}, MaxManifestBytes+1))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("x", "slu_admin")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a manifest of unknown length, too large: %d", resp.StatusCode)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestDamagedBlobIsNoticed(t *testing.T) {
	w := start(t)
	d := pushImage(t, w.client(t, "slu_admin"), "frontend", "v1", randomImage(t))
	img, err := w.images.Image(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	layers, _ := img.Layers()
	hash, _ := layers[0].Digest()
	if err := w.blobs.Put(t.Context(), "oci/blobs/"+hash.Hex, strings.NewReader("garbage")); err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := io.ReadAll(r); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged layer: %v", err)
	}
}

func TestUploadsAreBounded(t *testing.T) {
	w := start(t)
	old := filepath.Join(w.spool, "frontend.AAAAAAAAAAAAAAAAAAAAAAAAAA")
	for i := range maxUploads {
		name := filepath.Join(w.spool, "f."+rand.Text())
		if i == 0 {
			name = old
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, _ := w.do(t, "slu_admin", "POST", "/v2/frontend/blobs/uploads/", ""); status != http.StatusTooManyRequests {
		t.Errorf("one upload too many: %d", status)
	}
	other := filepath.Join(w.spool, "other", "file") // what is no upload is left alone
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{old, filepath.Dir(other)} {
		if err := os.Chtimes(name, yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	if status, _, _ := w.do(t, "slu_admin", "POST", "/v2/frontend/blobs/uploads/", ""); status != http.StatusAccepted {
		t.Errorf("after one was given up: %d", status)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the upload that was given up: %v", err)
	}
}

func TestMount(t *testing.T) {
	w := start(t)
	img := randomImage(t)
	pushImage(t, w.client(t, "slu_admin"), "frontend", "v1", img)
	layers, _ := img.Layers()
	hash, _ := layers[0].Digest()
	at := "/v2/users-backend/blobs/uploads/?from=frontend&mount="
	if status, _, body := w.do(t, "slu_admin", "POST", at+hash.String(), ""); status != 201 {
		t.Errorf("mount: %d %s", status, body)
	}
	if status, header, _ := w.do(t, "slu_admin", "POST", at+digest.FromString("none").String(), ""); status != 202 || header.Get("Location") == "" {
		t.Errorf("mount of nothing: %d", status)
	}
}

// TestSkopeo pushes, copies and pulls with an unmodified client.
func TestSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("skopeo is missing")
		}
		t.Skip("skopeo is missing")
	}
	w := start(t)
	dir := t.TempDir()
	img := randomImage(t)
	source, err := layout.Write(filepath.Join(dir, "source"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, skopeo, append([]string{"--insecure-policy"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("skopeo %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	remote := "docker://" + w.host
	run("copy", "--dest-tls-verify=false", "--dest-creds=mei:slu_admin", "oci:"+filepath.Join(dir, "source"), remote+"/frontend:v1")
	run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds=jon:slu_viewer", "--dest-creds=mei:slu_admin",
		remote+"/frontend:v1", remote+"/copies:v1")
	run("copy", "--src-tls-verify=false", "--src-creds=jon:slu_viewer", remote+"/copies:v1", "oci:"+filepath.Join(dir, "back"))

	want, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	back, err := layout.ImageIndexFromPath(filepath.Join(dir, "back"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := back.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := index.Manifests[0].Digest; got != want {
		t.Errorf("pushed %s, pulled %s", want, got)
	}
	stored, err := w.images.Image(t.Context(), slipway.Digest(want.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(stored); err != nil {
		t.Error(err)
	}
}

// busy calls meanwhile when it is about to store a blob.
type busy struct {
	folder
	meanwhile func()
}

func (b busy) Put(ctx context.Context, key string, r io.Reader) error {
	if strings.HasPrefix(key, blobPrefix) {
		b.meanwhile()
	}
	return b.folder.Put(ctx, key, r)
}

// Two servers share uploads. A client that finishes one by the first while it
// still sends by the second gets an error, and nobody a blob that is not what its
// digest says.
func TestAnUploadByTwoServers(t *testing.T) {
	blobs, spool := folder(t.TempDir()), t.TempDir()
	other := backend{Images: New(blobs, spool)}
	var id string
	one := backend{Images: New(busy{blobs, func() {
		w, err := other.PushBlobChunkedResume(t.Context(), "app", id, -1, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
	}}, spool)}
	first, err := other.PushBlobChunked(t.Context(), "app", 0)
	if err != nil {
		t.Fatal(err)
	}
	id = first.ID()
	if _, err := first.Write([]byte("layer ")); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	second, err := one.PushBlobChunkedResume(t.Context(), "app", id, 6, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Write([]byte("begun there")); err != nil {
		t.Fatal(err)
	}
	want := digest.FromString("layer begun there")
	if _, err := second.Commit(want); !errors.Is(err, ociregistry.ErrDigestInvalid) {
		t.Errorf("an upload that two wrote to: %v", err)
	}
	if _, err := other.ResolveBlob(t.Context(), "app", want); !errors.Is(err, ociregistry.ErrBlobUnknown) {
		t.Errorf("a blob that is not what its digest says is here: %v", err)
	}
	if _, err := other.PushBlobChunkedResume(t.Context(), "app", id, -1, 0); !errors.Is(err, ociregistry.ErrBlobUploadUnknown) {
		t.Errorf("the upload that failed goes on: %v", err)
	}
}
