package daemon

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/collector"
	"github.com/slipway-cd/slipway/internal/deploy/retention"
	"github.com/slipway-cd/slipway/internal/protocol/oci"
	"github.com/slipway-cd/slipway/internal/server"
	"github.com/slipway-cd/slipway/internal/state/blob"
)

// keepEnv is the policy of what is kept, for units that read their variables
// from a file; the flag --keep goes before it.
const keepEnv = "SLIPWAY_KEEP"

// blobsLock is held by who removes blobs, and by who copies them all.
const blobsLock = "blobs"

func keepFlag(c *cobra.Command, keep *string) {
	c.Flags().StringVar(keep, "keep", os.Getenv(keepEnv), "what is kept at least, for example releases=20,age=30d,deployments=10,logs=180d,agents=30d")
}

func checkKeep(text string) error {
	_, err := retention.ParseKeep(text)
	return err
}

func (p *parts) wireCollector(data Data) error {
	keep, err := retention.ParseKeep(p.options.Keep)
	if err != nil {
		return err
	}
	p.collector = &collector.Collector{
		Keep: keep, Store: p.store, Images: sweptImages{p.images}, Trees: p.driver, Logs: logBlobs{p.blobs},
		Log: p.log.With("part", "collector"), Now: time.Now,
		Alone: data.aloneWithBlobs,
	}
	return nil
}

func (d Data) aloneWithBlobs() (release func(), err error) {
	held, err := d.lockData(blobsLock)
	if slipway.CodeOf(err) == slipway.Conflict {
		return nil, slipway.Errorf(slipway.Conflict, "a backup of %s is being written, or what is not kept is being removed", d.Dir).
			Do("ask again when that has ended")
	} else if err != nil {
		return nil, err
	}
	return held.release, nil
}

// keeper is what the API asks of what is kept.
type keeper struct{ *collector.Collector }

func (k keeper) Policy() slipway.Keep { return k.Keep }

var _ server.Keeper = keeper{}

// sweptImages sweeps the registry.
type sweptImages struct{ *oci.Images }

func (s sweptImages) Sweep(ctx context.Context, keep []slipway.Digest, since, tagged time.Time, limit int, r *slipway.Removal) error {
	removed, err := s.Images.Sweep(ctx, oci.Sweep{Keep: keep, Since: since, Tagged: tagged, Dry: r.Dry, AtMost: limit})
	r.Images += removed.Manifests
	r.Tags += removed.Tags
	r.Blobs += removed.Blobs
	r.Bytes += removed.Bytes
	r.More = r.More || removed.More
	return err
}

// logBlobs are the bytes of jobs' logs: logs/JOB/ATTEMPT/PIECE.
type logBlobs struct{ *blob.Store }

func (l logBlobs) Jobs(ctx context.Context) ([]slipway.JobID, error) {
	names, err := l.Folders(ctx, "logs")
	jobs := make([]slipway.JobID, len(names))
	for i, name := range names {
		jobs[i] = slipway.JobID(name)
	}
	return jobs, err
}

func (l logBlobs) Remove(ctx context.Context, job slipway.JobID, dry bool) (bytes int64, err error) {
	all, err := l.List(ctx, "logs/"+string(job)+"/")
	if err != nil {
		return 0, err
	}
	for _, b := range all {
		if !dry {
			err = errors.Join(err, l.Delete(ctx, b.Key))
		}
		bytes += b.Size
	}
	return bytes, err
}
