package collector

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/retention"
)

// releases marks those whose images go, and returns what is kept and what needs
// it.
func (c *Collector) releases(ctx context.Context, r *slipway.Removal, now time.Time) (kept []slipway.Holding, uses []slipway.Use, err error) {
	all, err := c.Store.Holdings(ctx)
	if err != nil {
		return nil, nil, err
	}
	if uses, err = c.uses(ctx, all); err != nil {
		return nil, nil, err
	}
	going := retention.Choose(all, retention.Old(all, c.Keep, now), uses)
	if len(going) > maxReleases {
		going, r.More = going[:maxReleases], true
	}
	if r.Releases = going; !r.Dry {
		if r.Releases, err = c.mark(ctx, going, now); err != nil {
			return nil, nil, err
		}
		// What was published meanwhile is kept as well.
		kept, err = c.Store.Holdings(ctx)
		return kept, uses, err
	}
	return slices.DeleteFunc(all, func(h slipway.Holding) bool { return slices.Contains(going, h) }), uses, nil
}

func (c *Collector) uses(ctx context.Context, all []slipway.Holding) ([]slipway.Use, error) {
	var uses []slipway.Use
	for i, h := range all { // by service
		if i > 0 && all[i-1].Service == h.Service {
			continue
		}
		some, err := c.Store.Uses(ctx, h.Service, c.Keep.Deployments)
		if err != nil {
			return nil, err
		}
		uses = append(uses, some...)
	}
	return uses, nil
}

func (c *Collector) mark(ctx context.Context, chosen []slipway.Holding, now time.Time) ([]slipway.Holding, error) {
	numbers := map[slipway.ServiceName][]int{}
	for _, h := range chosen {
		numbers[h.Service] = append(numbers[h.Service], h.Number)
	}
	marked := map[slipway.ServiceName][]int{}
	for service, n := range numbers {
		done, err := c.Store.PruneReleases(ctx, service, n, c.Keep.Deployments, now.UTC())
		if err != nil {
			return nil, err
		}
		marked[service] = done
	}
	return slices.DeleteFunc(slices.Clone(chosen), func(h slipway.Holding) bool { return !slices.Contains(marked[h.Service], h.Number) }), nil
}

// images sweeps the registry, and what drivers unpacked.
func (c *Collector) images(ctx context.Context, kept []slipway.Holding, r *slipway.Removal, now time.Time) error {
	needed := map[slipway.Digest]bool{}
	var digests []slipway.Digest
	for _, h := range kept {
		if !needed[h.Image] {
			needed[h.Image] = true
			digests = append(digests, h.Image)
		}
	}
	if err := c.Images.Sweep(ctx, digests, now.Add(-grace), now.Add(-c.Keep.Age), maxRemovals, r); err != nil {
		return err
	}
	n, bytes, err := c.Trees.PruneTrees(ctx, needed, now.Add(-idle), r.Dry)
	r.Trees += n
	r.Bytes += bytes
	return err
}
