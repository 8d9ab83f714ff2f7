// Package idle measures what services cost that nothing happens to: one server
// with thousands of them, and how much slower one of them deploys for it.
//
// Store, controller and the table of routes are the real ones, in a process that
// does nothing else; the driver is the one in memory, because instances cost what
// they cost.
package idle

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// result is what was measured. A core is 100 %.
type result struct {
	Services   int     `json:"services"`
	Seconds    float64 `json:"seconds"`
	CPU        float64 `json:"cpu_percent"`
	ResidentMB float64 `json:"resident_mb"`
	Alone      times   `json:"deploy_alone_ms"`
	Among      times   `json:"deploy_among_ms"`
	Ratio      float64 `json:"p99_ratio"`
}

type times struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// Run is the benchmark idle.
func Run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("idle", flag.ContinueOnError)
	services := flags.Int("services", 5000, "how many services")
	seconds := flags.Int("seconds", 60, "how long nothing happens")
	rounds := flags.Int("rounds", 100, "deployments, alone and among the others")
	asJSON := flags.Bool("json", false, "one object as the last line")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := result{Services: *services}
	alone, err := open(ctx, 1)
	if err != nil {
		return err
	}
	defer alone.close()
	among, err := open(ctx, *services)
	if err != nil {
		return err
	}
	defer among.close()
	if err := among.settled(ctx); err != nil {
		return err
	}
	progress(out, "%d services are there; nothing happens for %d s", *services, *seconds)
	if r.CPU, r.Seconds, err = idle(ctx, time.Duration(*seconds)*time.Second); err != nil {
		return err
	}
	if r.ResidentMB, err = resident(); err != nil {
		return err
	}
	progress(out, "deploying %d times, in turns", *rounds)
	var a, b []time.Duration
	for range *rounds { // in turns, so that what else the machine does hits both
		for w, took := range map[*world]*[]time.Duration{alone: &a, among: &b} {
			d, err := w.deploy(ctx)
			if err != nil {
				return err
			}
			*took = append(*took, d)
		}
	}
	r.Alone, r.Among = quantiles(a), quantiles(b)
	r.Ratio = r.Among.P99 / r.Alone.P99
	return report(out, r, *asJSON)
}

func progress(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...)
}

func quantiles(all []time.Duration) times {
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[min(int(q*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	return times{P50: at(0.5), P99: at(0.99)}
}

func report(out io.Writer, r result, asJSON bool) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(t, "services at rest\t%d\n", r.Services)
	_, _ = fmt.Fprintf(t, "cost of %.0f s\t%.2f %% of a core\n", r.Seconds, r.CPU)
	_, _ = fmt.Fprintf(t, "resident\t%.0f MB\n", r.ResidentMB)
	_, _ = fmt.Fprintf(t, "a deployment alone\tp50 %.1f ms\tp99 %.1f ms\n", r.Alone.P50, r.Alone.P99)
	_, _ = fmt.Fprintf(t, "among the others\tp50 %.1f ms\tp99 %.1f ms\t%.2f times\n", r.Among.P50, r.Among.P99, r.Ratio)
	if err := t.Flush(); err != nil || !asJSON {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// resident is what this process has in memory, in MB.
func resident() (float64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return float64(pages*os.Getpagesize()) / 1e6, nil
}
