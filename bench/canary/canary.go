// Package canary plays releases to what judges them: how soon a bad one is found,
// and how often a good one is taken for bad; and the same to the rules of others.
//
// Nothing but chance is simulated: who judges is the program's own code. The same
// seed plays the same again.
package canary

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"text/tabwriter"
)

type result struct {
	Seed    uint64   `json:"seed"`
	Bars    []bar    `json:"bars"`
	Methods []method `json:"methods"`
}

// method is how a rule does on the streams of the table: base 0.5 %, a share of
// 10 %, looked at every 100 canary requests.
type method struct {
	Name  string  `json:"name"`
	False float64 `json:"false_alarms"` // of equal versions within 200 000 canary requests
	Found []span  `json:"found"`
}

// span is how many canary requests it takes to find a rate; null: never.
type span struct {
	Rate   float64  `json:"rate"`
	Median *float64 `json:"median"`
	P95    *float64 `json:"p95"`
}

// Run is the benchmark canary.
func Run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("canary", flag.ContinueOnError)
	seed := flags.Uint64("seed", 1, "of the simulation: the same plays the same again")
	runs := flags.Float64("runs", 1, "how often everything is played, as a multiple")
	asJSON := flags.Bool("json", false, "one object as the last line")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{seed: *seed, runs: *runs, say: func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }}
	r := result{Seed: *seed}
	if err := b.measure(ctx, &r); err != nil {
		return err
	}
	if err := table(out, r); err != nil || !*asJSON {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

func (b *bench) measure(ctx context.Context, r *result) (err error) {
	quick := func(f func() []bar) func(context.Context) ([]bar, error) {
		return func(context.Context) ([]bar, error) { return f(), nil }
	}
	for _, part := range []func(context.Context) ([]bar, error){b.detection, b.alarms, quick(b.gone), b.late, quick(b.slowness)} {
		bars, err := part(ctx)
		if err != nil {
			return err
		}
		for _, x := range bars {
			b.say("%s: %s, limit %s%s", x.Name, figure(x.Value), figure(x.Limit), map[bool]string{false: "  MISSED"}[x.OK])
		}
		r.Bars = append(r.Bars, bars...)
	}
	r.Methods, err = b.methods(ctx)
	return err
}

// methods plays the same streams to our rule and to those of others.
func (b *bench) methods(ctx context.Context) (all []method, err error) {
	same := rules.Rollback
	same.Ratio = 1
	for _, m := range []struct {
		name string
		by   func() rule
	}{
		{"E1, r0 = 1", e1(same, false)},
		{"E1, r0 = 1.2", e1(rules.Rollback, false)},
		{"z-test at 0.02, repeated", repeatedZ},
		{"threshold 99 % over 100 requests, 5 strikes", threshold(100)},
		{"threshold 99 % over 1000 requests, 5 strikes", threshold(1000)},
		{"Mann-Whitney on 50 points of 1000 requests", mannWhitney},
	} {
		play := func(runs int, rate float64) found {
			var f found
			if err == nil {
				f, err = many(ctx, b.seed+5, b.times(runs), horizon, func(rng *rand.Rand) stream { return requests(rng, look, constant(rate, base)) }, m.by)
			}
			return f
		}
		line := method{Name: m.name, False: play(300, base).part()}
		for _, rate := range []float64{.01, .02, .05} {
			f := play(200, rate)
			if err != nil {
				return nil, err
			}
			line.Found = append(line.Found, span{rate, finite(f.quantile(.5)), finite(f.quantile(.95))})
		}
		all = append(all, line)
	}
	return all, err
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func table(out io.Writer, r result) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(t, "\nmedian/p95 canary requests\tfalse alarms\tto 1 %\tto 2 %\tto 5 %\n")
	for _, m := range r.Methods {
		_, _ = fmt.Fprintf(t, "%s\t%.1f %%", m.Name, 100*m.False)
		for _, s := range m.Found {
			_, _ = fmt.Fprintf(t, "\t%s/%s", orNever(s.Median), orNever(s.P95))
		}
		_, _ = fmt.Fprintln(t)
	}
	return t.Flush()
}

func orNever(x *float64) string {
	if x == nil {
		return "never"
	}
	return figure(*x)
}

func figure(x float64) string {
	if math.Abs(x) >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
