package cgroup_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

func TestWhatHasRunInAGroupIsCounted(t *testing.T) {
	if ran, err := cgroup.Group("").Ran(); err == nil {
		t.Errorf("no group ran for %v", ran)
	}
	g := newGroup(t)
	if g == "" {
		return
	}
	t.Cleanup(func() {
		if err := g.End(); err != nil {
			t.Error(err)
		}
	})
	// The shell in the middle has ended, and nobody asked for its time.
	pid, _, outside := start(t, g, `sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done' & wait; echo $$; sleep 60`)
	if outside != nil {
		t.Fatal(outside)
	}
	ran, err := g.Ran()
	if err != nil || ran < 10*time.Millisecond || ran > time.Minute {
		t.Errorf("it ran for %v, %v", ran, err)
	}
	if members := g.Members(); !members[pid] || len(members) > 2 {
		t.Errorf("%v, want %d and what it waits for", members, pid)
	}
}

func TestTheStrictestGroupLeavesTheLeast(t *testing.T) {
	group := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	loose := group(map[string]string{"memory.max": "max\n", "memory.current": "900\n"})
	strict := group(map[string]string{"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 600\ninactive_file 50\n"})
	wide := group(map[string]string{"memory.max": "5000\n", "memory.current": "900\n"})
	over := group(map[string]string{"memory.max": "1000\n", "memory.current": "1200\n"})
	for _, test := range []struct {
		dirs    []string
		room    int64
		limited bool
	}{
		{nil, 0, false},
		{[]string{loose, t.TempDir()}, 0, false},
		{[]string{strict, loose, wide}, 350, true},
		{[]string{wide, strict}, 350, true},
		{[]string{over, wide}, 0, true},
	} {
		if room, limited := cgroup.Least(test.dirs); room != test.room || limited != test.limited {
			t.Errorf("%d, %v; want %d, %v", room, limited, test.room, test.limited)
		}
	}
}
