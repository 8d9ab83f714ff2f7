package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// Growth watches the memory of a candidate's instances. It says nothing of whether
// a version is worse: it keeps a leak from being given all traffic by looking
// ahead. What it has seen is not kept; who comes after a crash watches anew.
type Growth struct {
	instances map[slipway.InstanceID]*holding
	room      int64 // of the machine, at last
}

// holding is what one instance held, from one start of its process on.
type holding struct {
	boot string
	held []held
}

type held struct {
	at    time.Time
	bytes int64
}

const (
	mostHeld    = 512         // moments of an instance; of more, every other is given up
	growthParts = 24          // that what was seen is cut into
	growthSince = time.Minute // for less, nothing is said
	growthAhead = 10          // times as long as was seen is how far is looked ahead at the most
	growthSure  = 2.33        // standard deviations: 99 % on one side
)

// Note takes in what the instances of a group use now, as far as that is known.
func (g *Growth) Note(group slipway.GroupStatus) {
	there := map[slipway.InstanceID]*holding{}
	for _, i := range group.Instances {
		if i.Uses == nil || i.Uses.Room == 0 || i.Phase != slipway.InstanceReady {
			continue
		}
		h := g.instances[i.ID]
		if h == nil || h.boot != i.Boot {
			h = &holding{boot: i.Boot}
		}
		h.note(held{i.Uses.At, i.Uses.Memory})
		there[i.ID], g.room = h, i.Uses.Room
	}
	g.instances = there
}

func (h *holding) note(now held) {
	if n := len(h.held); n > 0 && !now.at.After(h.held[n-1].at) {
		return // it was not measured again
	}
	h.held = append(h.held, now)
	if len(h.held) > mostHeld {
		for i := range mostHeld / 2 {
			h.held[i] = h.held[2*i]
		}
		h.held = h.held[:mostHeld/2]
	}
}

// Why says, when the instances go on as they do, that they would need more memory
// within a time than there is; "" when they would not, or nobody can say yet.
//
// The rate of each is the lower end of a 99 % interval of the median of the slopes
// between all pairs of moments (Theil and Sen; the interval by Kendall's tau), so
// that a few outliers say nothing. Memory that is given back from time to time
// goes up and down without a leak: it is the least that was held in each part of
// the time which counts. The first quarter is left out, in which caches fill.
func (g *Growth) Why(within time.Duration) string {
	type growing struct {
		id   slipway.InstanceID
		rate float64 // bytes a second
	}
	var all []growing
	need := 0.0
	for id, h := range g.instances {
		rate, seen := h.rate()
		if rate <= 0 {
			continue
		}
		all = append(all, growing{id, rate})
		need += rate * min(within, growthAhead*seen).Seconds()
	}
	if need <= float64(g.room) {
		return ""
	}
	slices.SortFunc(all, func(a, b growing) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), strings.Compare(string(a.id), string(b.id)))
	})
	return fmt.Sprintf("memory grows, of %s by %s a minute: within %s the instances would need %s more, and there are %s. Look at what it keeps, or promote by hand.",
		all[0].id, memory(60*all[0].rate), span(within), memory(need), memory(float64(g.room)))
}

func memory(bytes float64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.0f MB", bytes/1e6)
	}
	return fmt.Sprintf("%.1f GB", bytes/1e9)
}

// rate is how fast an instance grows at least, in bytes a second, and for how long
// that was seen; 0 when it does not, or that was not seen for long enough.
func (h *holding) rate() (rate float64, seen time.Duration) {
	if len(h.held) == 0 {
		return 0, 0
	}
	first, last := h.held[0].at, h.held[len(h.held)-1].at
	first = first.Add(last.Sub(first) / 4)
	if seen = last.Sub(first); seen < growthSince {
		return 0, seen
	}
	return slope(h.floor(first, seen)), seen
}

// floor is the least that was held in each part of the time since a moment.
func (h *holding) floor(since time.Time, seen time.Duration) []held {
	var parts [growthParts]*held
	for n := range h.held {
		m := &h.held[n]
		if m.at.Before(since) {
			continue
		}
		at := min(int(int64(growthParts)*int64(m.at.Sub(since))/int64(seen)), growthParts-1)
		if parts[at] == nil || m.bytes < parts[at].bytes {
			parts[at] = m
		}
	}
	var least []held
	for _, m := range parts {
		if m != nil {
			least = append(least, *m)
		}
	}
	return least
}

// slope is the lower end of the interval, 0 for fewer moments than can say
// anything.
func slope(points []held) float64 {
	n := len(points)
	var slopes []float64
	for i, a := range points {
		for _, b := range points[i+1:] {
			slopes = append(slopes, float64(b.bytes-a.bytes)/b.at.Sub(a.at).Seconds())
		}
	}
	deviation := math.Sqrt(float64(n*(n-1)*(2*n+5)) / 18)
	lower := int((float64(len(slopes)) - growthSure*deviation) / 2)
	if n < growthParts/3 || lower < 0 {
		return 0
	}
	slices.Sort(slopes)
	return slopes[lower]
}
