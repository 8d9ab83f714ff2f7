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
// ahead. It is kept with the [Ledger]: a few dozen moments of each instance.
type Growth struct {
	Instances map[slipway.InstanceID]*holding `json:"instances,omitempty"`
	Room      int64                           `json:"room,omitempty"` // of the machine, at last
}

// holding is what one instance held, from one start of its process on: the least of
// each span of time.
type holding struct {
	Boot  string        `json:"boot"`
	Began time.Time     `json:"began"`
	Span  time.Duration `json:"span"`
	Last  int64         `json:"last"` // when it was measured last
	Held  []held        `json:"held"` // of as many spans as there is something of, in their order
}

// held is a moment, in milliseconds since the holding began, and the bytes then.
type held [2]int64

const (
	maxWatched  = 100         // instances
	mostHeld    = 48          // spans of an instance; of more, every two become one
	shortSpan   = time.Second // the first
	growthParts = 24          // that what was seen is cut into
	growthSince = time.Minute // for less, nothing is said
	growthAhead = 10          // times as long as was seen is how far is looked ahead at the most
	growthSure  = 2.33        // standard deviations: 99 % on one side
)

// Note takes in what the instances of a group use now, as far as that is known.
func (g *Growth) Note(group slipway.GroupStatus) {
	there := map[slipway.InstanceID]*holding{}
	for _, i := range group.Instances {
		if i.Uses == nil || i.Uses.Room == 0 || i.Phase != slipway.InstanceReady || len(there) == maxWatched {
			continue
		}
		h := g.Instances[i.ID]
		if h == nil || h.Boot != i.Boot {
			h = &holding{Boot: i.Boot, Began: i.Uses.At.UTC(), Span: shortSpan, Last: -1}
		}
		h.note(held{i.Uses.At.Sub(h.Began).Milliseconds(), i.Uses.Memory})
		there[i.ID], g.Room = h, i.Uses.Room
	}
	g.Instances = there
}

func (h *holding) note(now held) {
	if now[0] <= h.Last {
		return // it was not measured again
	}
	h.Last = now[0]
	if h.put(now); len(h.Held) <= mostHeld {
		return
	}
	all := h.Held
	h.Held, h.Span = nil, 2*h.Span
	for _, m := range all {
		h.put(m)
	}
}

// put keeps m if it is the least of its span.
func (h *holding) put(m held) {
	n := len(h.Held) - 1
	switch {
	case n < 0 || h.span(h.Held[n]) != h.span(m):
		h.Held = append(h.Held, m)
	case m[1] < h.Held[n][1]:
		h.Held[n] = m
	}
}

func (h *holding) span(of held) int64 { return of[0] / h.Span.Milliseconds() }

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
	for id, h := range g.Instances {
		rate, seen := h.rate()
		if rate <= 0 {
			continue
		}
		all = append(all, growing{id, rate})
		need += rate * min(within, growthAhead*seen).Seconds()
	}
	if need <= float64(g.Room) {
		return ""
	}
	slices.SortFunc(all, func(a, b growing) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), strings.Compare(string(a.id), string(b.id)))
	})
	return fmt.Sprintf("memory grows, of %s by %s a minute: within %s the instances would need %s more, and there are %s. Look at what it keeps, or promote by hand.",
		all[0].id, memory(60*all[0].rate), span(within), memory(need), memory(float64(g.Room)))
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
	first := h.Last / 4
	if seen = time.Duration(h.Last-first) * time.Millisecond; seen < growthSince {
		return 0, seen
	}
	return slope(h.floor(first)), seen
}

// floor is the least that was held in each part of the time since a moment.
func (h *holding) floor(since int64) []held {
	var parts [growthParts]*held
	for n := range h.Held {
		m := &h.Held[n]
		if m[0] < since {
			continue
		}
		at := min(growthParts*(m[0]-since)/(h.Last-since), growthParts-1)
		if parts[at] == nil || m[1] < parts[at][1] {
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
			slopes = append(slopes, 1000*float64(b[1]-a[1])/float64(b[0]-a[0]))
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
