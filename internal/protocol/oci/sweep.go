package oci

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cuelabs.dev/go/oci/ociregistry"
	"github.com/opencontainers/go-digest"

	"github.com/slipway-cd/slipway"
)

// Sweep says what a sweep leaves alone, besides what is kept.
type Sweep struct {
	Keep   []slipway.Digest // images that are needed
	Since  time.Time        // what was pushed, or found to be here, since then
	Tagged time.Time        // what was tagged since then
	Dry    bool             // remove nothing
	AtMost int              // removals
}

// Removed is what a sweep removed, or would.
type Removed struct {
	Tags, Manifests, Blobs int
	Bytes                  int64
	More                   bool // there is more than AtMost
}

// Sweep removes what no image needs that is kept, was pushed or pinned lately,
// or is tagged lately. It reads everything that is kept first, and removes
// nothing when it cannot.
//
// Tags go first, then manifests before those that they name, then blobs, each
// durably: whenever it is killed, what is still there has all that it names.
func (s *Images) Sweep(ctx context.Context, w Sweep) (Removed, error) {
	b := broom{Images: s, Sweep: w, needed: map[string]bool{}}
	for _, d := range w.Keep {
		if err := b.need(ctx, digest.Digest(d)); err != nil {
			return Removed{}, err
		}
	}
	tags, err := b.oldTags(ctx)
	if err != nil {
		return Removed{}, err
	}
	manifests, err := b.oldManifests(ctx)
	if err != nil {
		return Removed{}, err
	}
	if err := b.remove(ctx, tags, &b.removed.Tags); err != nil {
		return b.removed, err
	}
	if err := b.remove(ctx, manifests, &b.removed.Manifests); err != nil || b.removed.More {
		return b.removed, err
	}
	blobs, err := b.old(ctx, blobPrefix)
	if err != nil {
		return b.removed, err
	}
	return b.removed, b.remove(ctx, blobs, &b.removed.Blobs)
}

// broom is one sweep.
type broom struct {
	*Images
	Sweep
	needed  map[string]bool // keys
	removed Removed
}

// need marks a manifest and all that it names. What is not here any more needs
// nothing.
func (b *broom) need(ctx context.Context, d digest.Digest) error {
	if d.Validate() != nil || b.needed[manifestKey(d)] {
		return nil
	}
	m, err := b.read(ctx, d)
	if err != nil {
		return err
	}
	b.needed[manifestKey(d)] = true
	for _, blob := range m.blobs() {
		b.needed[blobKey(blob.Digest)] = true
	}
	for _, child := range m.Manifests {
		if err := b.need(ctx, child.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (b *broom) read(ctx context.Context, d digest.Digest) (manifest, error) {
	raw, err := b.manifest(ctx, d)
	if errors.Is(err, ociregistry.ErrManifestUnknown) {
		return manifest{}, nil
	} else if err != nil {
		return manifest{}, err
	}
	return parseManifest(raw, "")
}

// oldTags are those of images that are not needed. What is tagged lately is.
func (b *broom) oldTags(ctx context.Context) ([]Stored, error) {
	all, err := b.blobs.List(ctx, tagPrefix)
	if err != nil {
		return nil, err
	}
	var old []Stored
	named := map[string]digest.Digest{}
	for _, t := range all {
		repository, tag, _ := strings.Cut(strings.TrimPrefix(t.Key, tagPrefix), "/")
		d, err := b.tag(ctx, repository, tag)
		switch {
		case errors.Is(err, ociregistry.ErrManifestUnknown):
			continue
		case err != nil:
			return nil, err
		case t.At.Before(b.Tagged) && t.At.Before(b.Since):
			old = append(old, t)
			named[t.Key] = d
		default:
			if err := b.need(ctx, d); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(old, func(t Stored) bool { return b.needed[manifestKey(named[t.Key])] }), nil
}

// oldManifests are those that are not needed, each before those that it names.
func (b *broom) oldManifests(ctx context.Context) ([]Stored, error) {
	all, err := b.blobs.List(ctx, manifestPrefix)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if !m.At.Before(b.Since) {
			if err := b.need(ctx, digestOf(m)); err != nil {
				return nil, err
			}
		}
	}
	all = slices.DeleteFunc(all, func(m Stored) bool { return b.needed[m.Key] })
	old := map[string]Stored{}
	for _, m := range all {
		old[m.Key] = m
	}
	var order []Stored // each after those that it names
	var visit func(Stored) error
	visit = func(m Stored) error {
		delete(old, m.Key)
		parsed, err := b.read(ctx, digestOf(m))
		if ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil { // damaged, and nobody needs it
			parsed = manifest{}
		}
		for _, child := range parsed.Manifests {
			if c, there := old[manifestKey(child.Digest)]; there {
				if err := visit(c); err != nil {
					return err
				}
			}
		}
		order = append(order, m)
		return nil
	}
	for _, m := range all {
		if _, there := old[m.Key]; there {
			if err := visit(m); err != nil {
				return nil, err
			}
		}
	}
	slices.Reverse(order)
	return order, nil
}

// old are the blobs under prefix that are not needed.
func (b *broom) old(ctx context.Context, prefix string) ([]Stored, error) {
	all, err := b.blobs.List(ctx, prefix)
	return slices.DeleteFunc(all, func(s Stored) bool { return b.needed[s.Key] || !s.At.Before(b.Since) }), err
}

// remove removes what is as old as it was when it was listed.
func (b *broom) remove(ctx context.Context, all []Stored, count *int) error {
	for _, s := range all {
		if b.AtMost--; b.AtMost < 0 {
			b.removed.More = true
			return nil
		}
		size, gone := s.Size, true
		if !b.Dry {
			var err error
			if size, gone, err = b.blobs.DeleteOlder(ctx, s.Key, b.Since); err != nil {
				return err
			}
		}
		if gone {
			*count++
			b.removed.Bytes += size
		}
	}
	return nil
}

func digestOf(m Stored) digest.Digest {
	return digest.NewDigestFromEncoded(digest.SHA256, strings.TrimPrefix(m.Key, manifestPrefix))
}
