package collector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/retention"
)

// logs forgets old ones, then removes the bytes of all that are forgotten: of
// those that a killed collector has left as well.
func (c *Collector) logs(ctx context.Context, r *slipway.Removal, now time.Time) error {
	before := now.Add(-c.Keep.Logs)
	if r.Dry {
		n, err := c.Store.OldLogs(ctx, before)
		r.Logs = n
		return err
	}
	n, err := c.Store.ForgetLogs(ctx, before, maxLogs)
	if err != nil {
		return err
	}
	r.Logs, r.More = n, r.More || n == maxLogs
	jobs, err := c.Logs.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		gone, err := c.Store.Forgotten(ctx, job, before)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		bytes, err := c.Logs.Remove(ctx, job, r.Dry)
		if r.Bytes += bytes; err != nil {
			return err
		}
	}
	return nil
}

const batch = 500

// events removes old ones, which are the first.
func (c *Collector) events(ctx context.Context, kept []slipway.Holding, uses []slipway.Use, r *slipway.Removal, now time.Time) error {
	for after := int64(0); r.Events < maxEvents; {
		some, err := c.Store.Events(ctx, after, slipway.EventFilter{}, batch)
		if err != nil || len(some) == 0 {
			return err
		}
		gone := retention.Events(some, kept, uses, c.Keep, now)
		if !r.Dry {
			err = c.Store.DeleteEvents(ctx, gone)
		}
		if err != nil {
			return err
		}
		r.Events += len(gone)
		last := some[len(some)-1]
		if now.Sub(last.At) <= c.Keep.Logs {
			return nil
		}
		after = last.Seq
	}
	r.More = true
	return nil
}

// evidence forgets by what candidates of long ago were judged.
func (c *Collector) evidence(ctx context.Context, r *slipway.Removal, now time.Time) (err error) {
	r.Evidence, err = c.Store.ForgetEvidence(ctx, now.Add(-c.Keep.Logs), maxEvidence, r.Dry)
	r.More = r.More || r.Evidence == maxEvidence
	return err
}

func (c *Collector) agents(ctx context.Context, r *slipway.Removal, now time.Time) error {
	all, err := c.Store.Agents(ctx)
	if err != nil {
		return err
	}
	gone := retention.Agents(all, c.Keep, now)
	r.Agents = len(gone)
	for _, id := range gone {
		if r.Dry {
			break
		}
		err = errors.Join(err, c.Store.ForgetAgent(ctx, id, now.Add(-c.Keep.Agents)))
	}
	return err
}

// words tell what was removed: the images of 3 releases, 12 blobs; 4.2 MiB freed.
func words(r slipway.Removal) string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{len(r.Releases), "the image of a release", "the images of %d releases"},
		{r.Images, "1 manifest", "%d manifests"}, {r.Tags, "1 tag", "%d tags"}, {r.Blobs, "1 blob", "%d blobs"},
		{r.Trees, "1 unpacked image", "%d unpacked images"}, {r.Logs, "the log of a job", "the logs of %d jobs"},
		{r.Events, "1 event", "%d events"}, {r.Evidence, "the evidence of a deployment", "the evidence of %d deployments"}, {r.Agents, "1 agent", "%d agents"},
	} {
		switch {
		case p.n == 1:
			parts = append(parts, p.one)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf(p.many, p.n))
		}
	}
	return fmt.Sprintf("removed what is not kept: %s; %.1f MiB freed", strings.Join(parts, ", "), float64(r.Bytes)/(1<<20))
}
