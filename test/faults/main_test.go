package faults_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// full is set for long runs.
var full = os.Getenv("SLIPWAY_FAULTS") == "full"

// times is n in a full run, 1 in a short one.
func times(n int) int {
	if full {
		return n
	}
	return 1
}

var tools yard.Tools

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "slipway-bin-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if tools, err = yard.Build(context.Background(), dir); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	summary.print()
	return code
}

// summary is the table at the end.
var summary table

type table struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	fault                  string
	requests, lost, unsent int
	deployments            string
	took                   time.Duration
}

func (t *table) add(r row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, r)
}

func (t *table) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nfault\trequests\tlost\tnot sent\tseconds\thow it ended")
	for _, r := range t.rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.1f\t%s\n", r.fault, r.requests, r.lost, r.unsent, r.took.Seconds(), r.deployments)
	}
	_ = w.Flush()
}
