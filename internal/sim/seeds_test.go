package sim

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Int("seeds", 2000, "how many seeds to live through")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "live through this seed only, and tell its story")
)

// TestSeeds holds the invariants in as many worlds as there are seeds.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		r := Run(*seed, Options{Tell: true})
		say(strings.Join(r.Story, "\n"))
		complain(t, r)
		return
	}
	total, bad := search(*first, *seeds, Options{}, 5)
	for _, r := range bad {
		complain(t, Run(r.Seed, Options{Tell: true}))
	}
	say(fmt.Sprintf("%d seeds, %d violations", *seeds, len(bad)))
	n := float64(*seeds)
	t.Logf("a seed has %.0f events, %.1f faults, %.0f requests; all of them:\n%s",
		float64(total.Events)/n, float64(total.Faults)/n, float64(total.Requests)/n, &total)
	if *seeds < 1000 || len(bad) > 0 {
		return
	}
	for _, what := range total.missing() {
		t.Errorf("never seen: %s; these worlds are too kind", what)
	}
	if total.Events < 200**seeds || total.Faults < 5**seeds {
		t.Errorf("%d events and %d faults in %d seeds: too few", total.Events, total.Faults, *seeds)
	}
}

// say prints what was asked for by a flag. The go command swallows what a
// passing test prints, unless it runs with -v, so there it is told to the go
// command's own standard error, where the system has a way to it.
func say(text string) {
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "seeds" || f.Name == "seed" })
	if asked && !testing.Verbose() {
		path := fmt.Sprintf("/proc/%d/fd/2", os.Getppid())
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() { // a file would be overwritten: its offset is not shared
			if out, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
				_, err = fmt.Fprintln(out, text)
				if errors.Join(err, out.Close()) == nil {
					return
				}
			}
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, text)
}

func complain(t *testing.T, r Report) {
	if r.Violation == "" {
		return
	}
	t.Errorf("seed %d: %s\n%s\nreplay: go test ./internal/sim -run Seeds -seed %d", r.Seed, r.Violation, strings.Join(last(r.Story, 60), "\n"), r.Seed)
}

func last(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }

// search lives through n seeds and returns those that violate, at most about
// some of them.
func search(first uint64, n int, o Options, some int) (Counts, []Report) {
	var mu sync.Mutex
	var next atomic.Uint64
	var all sync.WaitGroup
	total := newCounts()
	var bad []Report
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				k := next.Add(1) - 1
				mu.Lock()
				enough := len(bad) >= some
				mu.Unlock()
				if k >= uint64(n) || enough {
					return
				}
				r := Run(first+k, o)
				mu.Lock()
				total.add(r.Counts)
				if r.Violation != "" {
					bad = append(bad, r)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return total, bad
}
