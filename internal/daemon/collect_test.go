package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/image"
	"github.com/slipway-cd/slipway/internal/deploy/collector"
	"github.com/slipway-cd/slipway/internal/protocol/oci"
	"github.com/slipway-cd/slipway/internal/state/blob"
	"github.com/slipway-cd/slipway/internal/state/store"
)

// collected is a database, images and logs, with a collector.
type collected struct {
	*collector.Collector
	t      *testing.T
	data   Data
	store  *store.Store
	blobs  *blob.Store
	images *oci.Images
	url    string
}

type anybody struct{}

func (anybody) Authenticate(context.Context, string) (slipway.Principal, error) {
	return slipway.Principal{Actor: slipway.System, Role: slipway.Admin}, nil
}

type noTrees struct{}

func (noTrees) PruneTrees(context.Context, map[slipway.Digest]bool, time.Time, bool) (int, int64, error) {
	return 0, 0, nil
}

func collecting(t *testing.T) *collected {
	t.Helper()
	data, err := OpenData(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	w := &collected{t: t, data: data}
	if w.store, err = store.Open(t.Context(), data.database()); err != nil {
		t.Fatal(err)
	}
	if w.blobs, err = blob.Open(data.blobs()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.store.Close(), w.blobs.Close() })
	w.images = oci.New(imageBlobs{w.blobs}, t.TempDir())
	log := slog.New(slog.DiscardHandler)
	server := httptest.NewServer(oci.Handler(w.images, anybody{}, log))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.Collector = &collector.Collector{
		Keep: slipway.Keep{Releases: 2, Deployments: 1}, Store: w.store, Images: sweptImages{w.images}, Trees: noTrees{}, Logs: logBlobs{w.blobs},
		Log: log, Now: time.Now, Alone: data.aloneWithBlobs,
	}
	return w
}

// release pushes an image and makes a release of it, as a job does.
func (w *collected) release(service string) slipway.Release {
	w.t.Helper()
	img, err := random.Image(64, 2)
	if err != nil {
		w.t.Fatal(err)
	}
	d, err := image.Push(w.t.Context(), img, image.Reference{Registry: w.url, Repository: "thoughts", Tag: rand(), Token: "x"}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if there, err := w.images.Pin(w.t.Context(), d); !there || err != nil {
		w.t.Fatalf("pushed, but not there: %v", err)
	}
	r, _, err := w.store.CreateRelease(w.t.Context(), slipway.Release{Service: slipway.ServiceName(service), Repository: "thoughts", Image: d, CreatedAt: time.Now()})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func rand() string { return fmt.Sprint("t", time.Now().UnixNano()) }

// age makes all blobs two days old.
func (w *collected) age() {
	w.t.Helper()
	all, err := w.blobs.List(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	for _, b := range all {
		if err := os.Chtimes(filepath.Join(w.data.blobs(), b.Key), old, old); err != nil {
			w.t.Fatal(err)
		}
	}
}

// check wants every release whole that is not marked.
func (w *collected) check(what string) {
	w.t.Helper()
	kept, err := w.store.Holdings(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range kept {
		if there, err := w.images.Pin(w.t.Context(), h.Image); !there || err != nil {
			w.t.Errorf("%s: %s is kept and not there: %v", what, h, err)
		}
	}
}

var errKilled = errors.New("killed")

// killer ends a collector at its n-th step: a mark, or a removal. What it has done
// by then is done.
type killer struct{ n int }

func (k *killer) step() error {
	if k.n--; k.n < 0 {
		return errKilled
	}
	return nil
}

type killedStore struct {
	*store.Store
	*killer
}

func (d killedStore) PruneReleases(ctx context.Context, s slipway.ServiceName, numbers []int, revisions int, at time.Time) ([]int, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	return d.Store.PruneReleases(ctx, s, numbers, revisions, at)
}

type killedBlobs struct {
	imageBlobs
	*killer
}

func (d killedBlobs) DeleteOlder(ctx context.Context, key string, before time.Time) (int64, bool, error) {
	if err := d.step(); err != nil {
		return 0, false, err
	}
	return d.imageBlobs.DeleteOlder(ctx, key, before)
}

func TestACollectorIsKilledAtEachStep(t *testing.T) {
	for step, done := 0, false; !done; step++ {
		w := collecting(t)
		for range 3 {
			w.release("a")
			w.release("b")
		}
		w.age()
		whole := w.Store
		d := &killer{n: step}
		w.Store, w.Images = killedStore{w.store, d}, sweptImages{oci.New(killedBlobs{imageBlobs{w.blobs}, d}, t.TempDir())}
		r, err := w.Collect(t.Context(), slipway.System, false)
		if done = err == nil; done && (len(r.Releases) != 2 || r.Images != 2 || r.Tags != 2 || r.Blobs != 6 || r.Bytes == 0) {
			t.Errorf("removed %+v", r)
		}
		if !done && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		w.check(fmt.Sprint("killed at step ", step))
		w.age()
		w.Store, w.Images = whole, sweptImages{w.images}
		if _, err := w.Collect(t.Context(), slipway.System, false); err != nil {
			t.Fatal(err)
		}
		w.check("after the next")
		if left, _ := w.blobs.List(t.Context(), "oci/blobs/"); len(left) != 4*3 {
			t.Errorf("killed at step %d: %d blobs are left", step, len(left))
		}
	}
}

// Releases are made of images whose blobs a collector is just about to remove.
func TestPublishingWhileCollecting(t *testing.T) {
	w := collecting(t)
	img, err := random.Image(64, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		push := func() (slipway.Digest, error) {
			return image.Push(t.Context(), img, image.Reference{Registry: w.url, Repository: "thoughts", Tag: "same", Token: "x"}, nil)
		}
		if _, err := push(); err != nil {
			t.Fatal(err)
		}
		w.age()
		ended := make(chan error)
		go func() {
			_, err := w.Collect(t.Context(), slipway.System, false)
			ended <- err
		}()
		d, err := push()
		there := false
		if err == nil {
			there, err = w.images.Pin(t.Context(), d)
		}
		if there {
			_, _, err = w.store.CreateRelease(t.Context(), slipway.Release{Service: "a", Repository: "thoughts", Image: d, Build: slipway.BuildID(fmt.Sprint(i)), CreatedAt: time.Now()})
		}
		if err := errors.Join(err, <-ended); err != nil {
			t.Fatal(err)
		}
		w.check(fmt.Sprint("round ", i))
		if _, err := w.store.PruneReleases(t.Context(), "a", []int{i + 1}, 1, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// The bytes of a log go after what lists them; those that a killed collector has
// left go the next time. A backup and a collector keep out of each other's way.
func TestLogsAndBackups(t *testing.T) {
	w := collecting(t)
	w.Keep.Logs = time.Hour
	const left, young = "00000000-0000-7000-8000-000000000000", "ffffffff-ffff-7000-8000-000000000000"
	for _, job := range []string{left, young} {
		if _, err := w.blobs.Put(t.Context(), "logs/"+job+"/1/1", strings.NewReader("bytes")); err != nil {
			t.Fatal(err)
		}
	}
	release, err := w.data.aloneWithBlobs()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Collect(t.Context(), slipway.System, true); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("under a backup: %v", err)
	}
	if err := Backup(t.Context(), w.data, filepath.Join(t.TempDir(), "b.tar")); slipway.CodeOf(err) != slipway.Conflict {
		t.Errorf("a backup under a collection: %v", err)
	}
	release()
	r, err := w.Collect(t.Context(), slipway.System, false)
	if err != nil || r.Bytes != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	jobs, err := logBlobs{w.blobs}.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0] != young {
		t.Errorf("left are %v, %v", jobs, err)
	}
}

// By what a candidate was judged goes with the logs of its time; what moves keeps
// it.
func TestEvidenceGoesWithAge(t *testing.T) {
	w := collecting(t)
	w.Keep.Logs = time.Hour
	ctx := t.Context()
	id := slipway.TargetID{Service: "web", Environment: "prod"}
	if _, err := w.store.EnsureTarget(ctx, slipway.Target{ID: id, Kind: slipway.Web, Want: 1}, func([]int) (int, error) { return 7100, nil }); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	d, _, err := w.store.CreateDeployment(ctx, slipway.Deployment{Target: id, Revision: "r", Phase: slipway.Pending, CreatedAt: now}, slipway.Revision{ID: "r", Target: id, CreatedAt: now}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Acquire(ctx, id, "me", time.Minute); err != nil {
		t.Fatal(err)
	}
	s, err := w.store.LoadState(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.AppendEvidence(ctx, "me", s.Target.Fence, id, d.ID, 0, slipway.Looks{Ledger: []byte("{}"), Batches: [][]byte{[]byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	collect := func(dry bool, want int) {
		t.Helper()
		if r, err := w.Collect(ctx, slipway.System, dry); err != nil || r.Evidence != want {
			t.Errorf("the evidence of %d deployments went, want %d, %v", r.Evidence, want, err)
		}
	}
	collect(false, 0)
	s.Deployment.Phase, s.Deployment.FinishedAt = slipway.Failed, now.Add(-2*time.Hour)
	if _, err := w.store.CommitState(ctx, "me", s.Target.Fence, s); err != nil {
		t.Fatal(err)
	}
	collect(true, 1)
	collect(false, 1)
	collect(false, 0)
}
