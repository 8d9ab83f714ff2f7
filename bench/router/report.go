package router

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
)

// result is what a program is worth: the median over its rounds.
type result struct {
	RPS float64 `json:"rps"`
	P99 float64 `json:"p99_ms"`
	CPU float64 `json:"cpu_us"` // of the program itself, for each request: what a busy machine does not change
}

// outcome is the last line.
type outcome struct {
	result
	Peers map[string]result `json:"peers"`
}

func (b *bench) report(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(t, "\trequests/s\tmin – max\tp99 ms\tCPU µs\tslipway is")
	ours := b.contenders[0]
	end := outcome{result: ours.result(), Peers: map[string]result{}}
	for _, c := range b.contenders {
		r := c.result()
		low, high := spread(c.runs)
		ratio := ""
		if c != ours {
			ratio = fmt.Sprintf("%.2f ×", end.RPS/r.RPS)
			end.Peers[c.name] = r
		}
		_, _ = fmt.Fprintf(t, "%s\t%.0f\t%.0f – %.0f\t%.2f\t%.1f\t%s\n", c.name, r.RPS, low, high, r.P99, r.CPU, ratio)
	}
	direct := (&contender{runs: b.ceiling}).result()
	low, high := spread(b.ceiling)
	_, _ = fmt.Fprintf(t, "no proxy\t%.0f\t%.0f – %.0f\t%.2f\t\t\n", direct.RPS, low, high, direct.P99)
	if err := t.Flush(); err != nil || !b.json {
		return err
	}
	return json.NewEncoder(out).Encode(end)
}

func (c *contender) result() result {
	return result{
		RPS: median(c.runs, func(r run) float64 { return math.Round(r.rps) }),
		P99: median(c.runs, func(r run) float64 { return r.p99 }),
		CPU: median(c.runs, func(r run) float64 { return math.Round(r.cpu*10) / 10 }),
	}
}

func median(runs []run, of func(run) float64) float64 {
	all := make([]float64, 0, len(runs))
	for _, r := range runs {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func spread(runs []run) (low, high float64) {
	low = math.Inf(1)
	for _, r := range runs {
		low, high = min(low, r.rps), max(high, r.rps)
	}
	return low, high
}
