// Package trial measures how canaries of a real Slipway are decided: versions
// that are worse than the one before, in ways that only their traffic shows, and
// one that is not.
package trial

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

const (
	service = "gauge"
	rollout = "strategy: canary, canary: { weights: [10%, 50%], hold: 2s, keep_old: 0s }"
	usual   = "0.001:500" // one answer of a thousand is an error, of the stable version too
)

// patience is how long a candidate may wait to be decided on.
const patience = 6 * time.Minute

// candidates are what is tried; limit is until when each has to be decided on, from its
// first weight.
var candidates = []struct {
	name, wrong, ends string
	limit             time.Duration
}{
	{"5 % errors", "0.05:500", "rolled_back", 15 * time.Second},
	{"equal", usual, "succeeded", 4 * time.Minute},
	{"dead", "1:500", "rolled_back", 15 * time.Second},
	{"hangs", "1:hang", "rolled_back", 15 * time.Second},
	{"401 to all", "1:401", "rolled_back", 15 * time.Second},
}

// bench is one measurement.
type bench struct {
	y    *yard.Yard
	out  io.Writer
	load *load.Load
}

// result is what came of one candidate.
type result struct {
	Name     string    `json:"name"`
	Right    int       `json:"decided_right"` // of all rounds
	Rounds   int       `json:"rounds"`
	Median   float64   `json:"median_s"` // from its first weight to the decision
	Slowest  float64   `json:"slowest_s"`
	Requests int       `json:"most_requests"` // that a dead candidate was given before it was sent back, in any round
	Limit    float64   `json:"limit_s"`
	took     []float64 // of each round
}

// Run is `bench trial`.
func Run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("trial", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "end with one line of JSON")
	rounds := f.Int("rounds", 10, "for each candidate")
	rate := f.Int("rate", 200, "requests a second")
	if err := f.Parse(args); err != nil {
		return err
	}
	return yard.Use(ctx, yard.Options{}, func(y *yard.Yard) error {
		b := &bench{y: y, out: out}
		results, err := b.measure(ctx, *rounds, *rate)
		if err != nil {
			return err
		}
		return b.report(results, *asJSON)
	})
}

func (b *bench) measure(ctx context.Context, rounds, rate int) ([]result, error) {
	versions := []yard.Version{{Env: map[string]string{"GAUGE_WRONG": usual}}}
	for _, c := range candidates {
		versions = append(versions, yard.Version{Env: map[string]string{"GAUGE_WRONG": c.wrong}})
	}
	for i := range versions {
		versions[i].Service, versions[i].Rollout = service, rollout
	}
	if err := b.y.Publish(ctx, versions...); err != nil {
		return nil, err
	}
	if err := b.reset(ctx); err != nil {
		return nil, err
	}
	url, err := b.y.URL(ctx, service)
	if err != nil {
		return nil, err
	}
	b.load = load.Start(rate, []load.Aim{{Visitor: load.Get(url + "/"), Share: 1}})
	defer b.load.Stop()
	results := make([]result, len(candidates))
	for round := range rounds {
		for i, c := range candidates {
			results[i].Name, results[i].Limit = c.name, c.limit.Seconds()
			if err := b.try(ctx, &results[i], i+2, c.ends); err != nil {
				return nil, err
			}
			if c.ends == "succeeded" {
				if err := b.reset(ctx); err != nil {
					return nil, err
				}
			}
		}
		_, _ = fmt.Fprintf(b.out, "round %d of %d\n", round+1, rounds)
	}
	return results, nil
}

// reset has the usual version serve, whatever does now: it is no candidate.
func (b *bench) reset(ctx context.Context) error {
	d, err := b.y.Deploy(ctx, service, 1)
	if err != nil {
		return err
	}
	for {
		if d, err = b.y.Client.Deployment(ctx, d.ID); err != nil || d.Phase == "succeeded" {
			return err
		}
		if d.Ended {
			return fmt.Errorf("@1 is %s: %v", d.Phase, d.Why)
		}
		if d.Phase == "progressing" && d.At < len(d.Stages) && d.Stages[d.At].HoldMS > 0 {
			if _, err := b.y.Client.Promote(ctx, d.ID, api.Promote{Stage: d.At + 1, Why: "the benchmark begins anew"}); err != nil {
				return err
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// try deploys a candidate and waits for what is decided.
func (b *bench) try(ctx context.Context, r *result, release int, ends string) error {
	d, err := b.y.Deploy(ctx, service, release)
	if err != nil {
		return err
	}
	for !d.Ended {
		time.Sleep(100 * time.Millisecond)
		if d, err = b.y.Client.Deployment(ctx, d.ID); err != nil {
			return err
		}
		if time.Since(d.CreatedAt) > patience { // nothing was decided, which is wrong too
			_, _ = b.y.Client.Abort(ctx, d.ID) // it may just have ended
		}
	}
	var given, decided time.Time
	for _, w := range d.Why {
		switch {
		case given.IsZero() && strings.Contains(w.Text, "gets 10 %"):
			given = w.At
		case strings.Contains(w.Text, "goes back to @1"), strings.Contains(w.Text, "gets 100 %"):
			decided = w.At
		}
	}
	r.Rounds++
	if d.Phase == ends {
		r.Right++
		r.took = append(r.took, decided.Sub(given).Seconds())
	} else {
		_, _ = fmt.Fprintf(b.out, "%s: @%d is %s: %v\n", r.Name, d.Release, d.Phase, d.Why)
	}
	if r.Name == "dead" { // what it was given, it has lost
		r.Requests = max(r.Requests, b.lostBy(release, d.CreatedAt))
	}
	return nil
}

// lostBy counts the requests since then that a release answered, and answered
// wrong.
func (b *bench) lostBy(release int, since time.Time) (n int) {
	by := fmt.Sprintf(`by "%s/%d/`, service, release)
	for _, l := range b.load.Losses() {
		if l.Began.After(since) && strings.Contains(l.Why, by) {
			n++
		}
	}
	return n
}

func (b *bench) report(all []result, asJSON bool) error {
	t := tabwriter.NewWriter(b.out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(t, "candidate\tdecided right\tmedian s\tslowest s\tlimit s\tmost requests")
	for i := range all {
		r := &all[i]
		slices.Sort(r.took)
		if n := len(r.took); n > 0 {
			r.Median, r.Slowest = r.took[n/2], r.took[n-1]
		}
		requests := ""
		if r.Requests > 0 {
			requests = fmt.Sprint(r.Requests)
		}
		_, _ = fmt.Fprintf(t, "%s\t%d of %d\t%.1f\t%.1f\t%.0f\t%s\n", r.Name, r.Right, r.Rounds, r.Median, r.Slowest, r.Limit, requests)
	}
	if err := t.Flush(); err != nil || !asJSON {
		return err
	}
	return json.NewEncoder(b.out).Encode(map[string]any{"trials": all})
}
