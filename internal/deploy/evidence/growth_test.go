package evidence_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// watch notes each second what two instances hold, and returns what is said of
// the next half an hour.
func watch(lasts time.Duration, room int64, holds func(instance int, at time.Duration) float64) string {
	var g evidence.Growth
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for at := time.Duration(0); at < lasts; at += time.Second {
		group := slipway.GroupStatus{ID: "g"}
		for n, id := range []slipway.InstanceID{"i-1", "i-2"} {
			group.Instances = append(group.Instances, slipway.InstanceStatus{
				ID: id, Boot: "b", Phase: slipway.InstanceReady,
				Uses: &slipway.Uses{At: began.Add(at), Memory: int64(holds(n, at)), Room: room},
			})
		}
		if g.Note(group); at%(37*time.Second) == 0 {
			g = kept(g)
		}
	}
	return g.Why(30 * time.Minute)
}

// kept is what a server keeps of g, and the next one reads.
func kept(g evidence.Growth) (next evidence.Growth) {
	text, err := json.Marshal(g)
	if err == nil {
		err = json.Unmarshal(text, &next)
	}
	if err != nil || len(text) > 2500 {
		panic(fmt.Sprintf("%d bytes, %v: %s", len(text), err, text))
	}
	return next
}

func TestMemoryThatGrowsTooFarIsFound(t *testing.T) {
	const mega, giga = 1e6, 1e9
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(by float64) float64 { return by * r.NormFloat64() }
	tests := []struct {
		name  string
		lasts time.Duration
		holds func(n int, at time.Duration) float64
		found bool
	}{
		{"a leak of 60 MB a minute", 5 * time.Minute, func(n int, at time.Duration) float64 {
			return 100*mega + float64(1-n)*at.Seconds()*mega + noise(5*mega)
		}, true},
		{"a leak below a heap that is swept", 10 * time.Minute, func(_ int, at time.Duration) float64 {
			return 100*mega + at.Seconds()*mega + 50*mega*math.Mod(at.Seconds(), 7)/7
		}, true},
		{"a small leak", 10 * time.Minute, func(_ int, at time.Duration) float64 { return 100*mega + at.Seconds()*mega/10 }, false},
		{"too early", time.Minute, func(_ int, at time.Duration) float64 { return 100*mega + at.Seconds()*10*mega }, false},
		{"a heap that is swept", 10 * time.Minute, func(_ int, at time.Duration) float64 {
			return 100*mega + 500*mega*math.Mod(at.Seconds(), 13)/13
		}, false},
		{"a cache that fills at first", 10 * time.Minute, func(_ int, at time.Duration) float64 {
			return 100*mega + 900*mega*min(1, at.Seconds()/100)
		}, false},
		{"noise", 10 * time.Minute, func(int, time.Duration) float64 { return 500*mega + noise(200*mega) }, false},
		{"a jump", 10 * time.Minute, func(_ int, at time.Duration) float64 {
			if at > 9*time.Minute {
				return 900 * mega
			}
			return 100 * mega
		}, false},
		{"nothing", 10 * time.Minute, func(int, time.Duration) float64 { return 0 }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			why := watch(test.lasts, giga, test.holds)
			if (why != "") != test.found {
				t.Errorf("found %q", why)
			}
			if why := watch(test.lasts, 1000*giga, test.holds); why != "" {
				t.Errorf("where there is room: %q", why)
			}
		})
	}
	why := watch(5*time.Minute, giga, func(_ int, at time.Duration) float64 { return at.Seconds() * mega })
	if why != "memory grows, of i-1 by 60 MB a minute: within 30 min the instances would need 3.6 GB more, and there are 1.0 GB. Look at what it keeps, or promote by hand." {
		t.Errorf("%q", why)
	}
}

func TestGrowthBeginsAnewWithEachStart(t *testing.T) {
	var g evidence.Growth
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	status := func(n int, boot string, phase slipway.InstancePhase) slipway.GroupStatus {
		u := &slipway.Uses{At: at.Add(time.Duration(n) * time.Second), Memory: int64(n) * 10_000_000, Room: 1_000_000}
		return slipway.GroupStatus{Instances: []slipway.InstanceStatus{{ID: "i-1", Boot: boot, Phase: phase, Uses: u}, {ID: "i-2", Phase: phase}}}
	}
	if why := g.Why(time.Hour); why != "" {
		t.Errorf("of nothing: %q", why)
	}
	for n := range 2000 {
		g.Note(status(n, "b1", slipway.InstanceReady))
	}
	if why := g.Why(time.Hour); !strings.HasPrefix(why, "memory grows, of i-1 by 600 MB a minute") {
		t.Errorf("%q", why)
	}
	g.Note(status(2000, "b2", slipway.InstanceReady))
	if why := g.Why(time.Hour); why != "" {
		t.Errorf("of one moment after a start: %q", why)
	}
	g.Note(status(2001, "b2", slipway.InstanceStopping))
	if why := g.Why(time.Hour); why != "" {
		t.Errorf("of one that goes: %q", why)
	}
}
