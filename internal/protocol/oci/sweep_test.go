package oci

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-cd/slipway"
)

// age makes everything that is stored an hour old.
func (w *world) age(t *testing.T) {
	t.Helper()
	all, err := w.blobs.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	for _, b := range all {
		if err := os.Chtimes(filepath.Join(string(w.blobs), b.Key), old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// whole checks that each manifest that is here has all that it names.
func (w *world) whole(t *testing.T) (manifests int) {
	t.Helper()
	all, err := w.blobs.List(t.Context(), manifestPrefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		parsed, err := (&broom{Images: w.images}).read(t.Context(), digestOf(m))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.images.complete(t.Context(), parsed); err != nil {
			t.Errorf("%s: %v", m.Key, err)
		}
	}
	return len(all)
}

func pushIndex(t *testing.T, w *world, tag string, images ...v1.Image) slipway.Digest {
	t.Helper()
	c := w.client(t, "slu_admin")
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for i, img := range images {
		pushImage(t, c, "frontend", "", img)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "plan9", Architecture: string(rune('a' + i))}}})
	}
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	desc, err := c.PushManifest(t.Context(), "frontend", tag, raw, string(types.OCIImageIndex))
	if err != nil {
		t.Fatal(err)
	}
	return slipway.Digest(desc.Digest)
}

var errKilled = errors.New("killed")

// mortal dies at its n-th removal.
type mortal struct {
	folder
	n *int
}

func (m mortal) DeleteOlder(ctx context.Context, key string, before time.Time) (int64, bool, error) {
	if *m.n--; *m.n < 0 {
		return 0, false, errKilled
	}
	return m.folder.DeleteOlder(ctx, key, before)
}

// A sweep that is killed at any step leaves what is kept whole, and nothing that
// lacks a part; the next one finds the rest.
func TestASweepIsKilledAtEachStep(t *testing.T) {
	for step := 0; ; step++ {
		w := start(t)
		base, shared := randomImage(t), randomImage(t)
		layer, err := random.Layer(64, types.OCILayer)
		if err != nil {
			t.Fatal(err)
		}
		above, err := mutate.AppendLayers(base, layer) // shares all layers of base
		if err != nil {
			t.Fatal(err)
		}
		c := w.client(t, "slu_admin")
		gone := pushImage(t, c, "frontend", "1", above)
		kept := pushImage(t, c, "frontend", "2", base)
		pushIndex(t, w, "3", randomImage(t), shared)
		keptIndex := pushIndex(t, w, "4", shared, randomImage(t))
		w.age(t)

		n := step
		sweep := Sweep{Keep: []slipway.Digest{kept, keptIndex, "sha256:" + slipway.Digest(strings.Repeat("0", 64))}, Since: time.Now().Add(-time.Minute), Tagged: time.Now().Add(-time.Minute), AtMost: 100}
		removed, err := New(mortal{w.blobs, &n}, w.spool).Sweep(t.Context(), sweep)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if step == 0 && removed != (Removed{}) {
			t.Errorf("removed %+v", removed)
		}
		if err == nil { // 2 tags; an image, an index and its own image; a layer and a configuration, and those of the other
			if removed.Tags != 2 || removed.Manifests != 3 || removed.Blobs < 4 || removed.Bytes == 0 {
				t.Errorf("removed %+v", removed)
			}
			return
		}
		w.whole(t)
		w.age(t)
		if _, err := w.images.Sweep(t.Context(), sweep); err != nil {
			t.Fatal(err)
		}
		if n := w.whole(t); n != 4 {
			t.Errorf("killed at step %d: %d manifests are left", step, n)
		}
		for d, want := range map[slipway.Digest]bool{gone: false, kept: true, keptIndex: true} {
			if got, err := w.images.Pin(t.Context(), d); got != want || err != nil {
				t.Errorf("killed at step %d: %s is here: %v, %v", step, d.Short(), got, err)
			}
		}
	}
}

// Whoever was told that something is here may count on it.
func TestWhatASweepLeavesAlone(t *testing.T) {
	sweep := func(w *world, at Sweep) Removed {
		t.Helper()
		at.Since, at.AtMost = time.Now().Add(-time.Minute), 100
		r, err := w.images.Sweep(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	img := randomImage(t)
	for what, touch := range map[string]func(w *world, d slipway.Digest){
		"pinned":       func(w *world, d slipway.Digest) { _, _ = w.images.Pin(t.Context(), d) },
		"pushed again": func(w *world, _ slipway.Digest) { pushImage(t, w.client(t, "slu_admin"), "frontend", "", img) },
		"asked for": func(w *world, d slipway.Digest) {
			if code, _, _ := w.do(t, "slu_admin", "HEAD", "/v2/frontend/manifests/"+string(d), ""); code != 200 {
				t.Errorf("HEAD: %d", code)
			}
		},
		"its tag asked for": func(w *world, _ slipway.Digest) { w.do(t, "slu_admin", "HEAD", "/v2/frontend/manifests/1", "") },
	} {
		w := start(t)
		d := pushImage(t, w.client(t, "slu_admin"), "frontend", "1", img)
		w.age(t)
		touch(w, d)
		if r := sweep(w, Sweep{Tagged: time.Now().Add(-time.Minute)}); r.Manifests+r.Blobs != 0 {
			t.Errorf("%s: removed %+v", what, r)
		}
		if ok, err := w.images.Pin(t.Context(), d); !ok || err != nil {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
	}
	w := start(t)
	pushImage(t, w.client(t, "slu_admin"), "frontend", "1", img)
	w.age(t)
	if r := sweep(w, Sweep{Tagged: time.Now().Add(-2 * time.Hour)}); r != (Removed{}) {
		t.Errorf("tagged lately: removed %+v", r)
	}
	dry := sweep(w, Sweep{Tagged: time.Now(), Dry: true})
	if r := sweep(w, Sweep{Tagged: time.Now()}); r != dry || r.Manifests != 1 {
		t.Errorf("removed %+v, would have %+v", r, dry)
	}
}
