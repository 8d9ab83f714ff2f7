// Package router measures the router against nginx, HAProxy, Caddy and a bare
// httputil.ReverseProxy: the same upstream process, the same cores, in turns.
package router

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

const (
	connections = 64
	pause       = time.Second // between two runs, for others on the machine
)

// settings are what a person may choose.
type settings struct {
	json    bool
	seconds int
	rounds  int
	only    string
	profile string
}

// Run measures, and writes a table to out.
func Run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == roleArg {
		return play(ctx, args[1:])
	}
	var s settings
	flags := flag.NewFlagSet("bench router", flag.ContinueOnError)
	flags.BoolVar(&s.json, "json", false, "end with one line of JSON")
	flags.IntVar(&s.seconds, "seconds", 3, "of load in each round, for each program")
	flags.IntVar(&s.rounds, "rounds", 5, "in which all take turns")
	flags.StringVar(&s.only, "only", "", "measure one program alone: slipway, nginx, haproxy, caddy, reverseproxy")
	flags.StringVar(&s.profile, "profile", "", "write a CPU profile of the router to this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if s.seconds < 1 || s.rounds < 1 {
		return errors.New("--seconds and --rounds are at least 1")
	}
	return measure(ctx, s, out)
}

func measure(ctx context.Context, s settings, out io.Writer) error {
	dir, err := os.MkdirTemp("", "slipway-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b, err := newBench(ctx, dir, s)
	if err != nil {
		return err
	}
	defer b.stop()
	if _, err := fmt.Fprintf(out, "%s\n", b.machine()); err != nil {
		return err
	}
	if err := b.rounds(ctx, out); err != nil {
		return err
	}
	return b.report(out)
}

// cores are shared out: one half for what is measured, the other for the load
// and the upstream. A machine with one core has them share it.
func cores() (measured, load string, each int) {
	n := runtime.NumCPU()
	if n < 2 {
		return "0", "0", 1
	}
	return fmt.Sprintf("%d-%d", n-n/2, n-1), fmt.Sprintf("0-%d", n-n/2-1), n / 2
}
