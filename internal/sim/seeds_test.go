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

	"github.com/slipway-cd/slipway"
)

var (
	seeds = flag.Int("seeds", 200, "how many seeds to live through")
	first = flag.Uint64("first", 1, "the first of them")
	seed  = flag.Uint64("seed", 0, "live through this seed only, and tell its story")
)

// TestSeeds holds the invariants in as many worlds as there are seeds.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		r := Run(*seed, Options{Tell: true})
		say(strings.Join(r.Story, "\n"))
		report(t, r)
		return
	}
	total, bad := search(*first, *seeds, Options{}, 5)
	for _, r := range bad {
		report(t, Run(r.Seed, Options{Tell: true}))
	}
	say(fmt.Sprintf("%d seeds, %d violations", *seeds, len(bad)))
	t.Logf("%d events, %d crashes, %d suspensions, %d requests; deployments ended %v",
		total.Events, total.Crashes, total.Zombies, total.Requests, total.Ended)
	if *seeds >= 200 {
		for _, phase := range []slipway.Phase{slipway.Succeeded, slipway.RolledBack, slipway.Failed, slipway.Cancelled, slipway.Superseded, slipway.Stuck} {
			if total.Ended[phase] == 0 {
				t.Errorf("no deployment ended as %s: these worlds are too kind", phase)
			}
		}
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

func report(t *testing.T, r Report) {
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
	total := Counts{Ended: map[slipway.Phase]int{}}
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

func (c *Counts) add(o Counts) {
	c.Events += o.Events
	c.Crashes += o.Crashes
	c.Zombies += o.Zombies
	c.Requests += o.Requests
	for phase, n := range o.Ended {
		c.Ended[phase] += n
	}
}
