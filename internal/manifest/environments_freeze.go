package manifest

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones mean the same on machines that have no list of them

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

const maxFreezes = 100 // of one environment

func (r *declared) freezes(n *yaml.Node, in string) []slipway.Freeze {
	var all []slipway.Freeze
	seen := map[string]bool{}
	list(r.Problems, n, in, func(i int, item *yaml.Node) {
		f := r.freeze(item, in)
		if seen[f.Why] && f.Why != "" {
			r.Add(item, "there is a freeze for %q already; say why in other words", f.Why)
		}
		seen[f.Why] = true
		if i == maxFreezes {
			r.Add(item, "%s can have %d freezes at most", in, maxFreezes)
		}
		all = append(all, f)
	})
	return all
}

// freeze reads one time in which nothing is deployed.
func (r *declared) freeze(n *yaml.Node, in string) slipway.Freeze {
	var f slipway.Freeze
	at := mapping(r.Problems, n, in, fields{
		{"why", func(n *yaml.Node) { f.Why = text(r.Problems, n, "why") }},
		{"zone", func(n *yaml.Node) { f.Zone = text(r.Problems, n, "zone") }},
		{"from", func(*yaml.Node) {}}, // once the zone is known
		{"until", func(*yaml.Node) {}},
		{"weekly", func(n *yaml.Node) { f.Weekly = r.weekly(n) }},
	})
	if at == nil {
		return f
	}
	zone, err := time.LoadLocation(f.Zone)
	if err != nil || f.Zone == "Local" {
		r.Add(at["zone"], "there is no time zone %q; write its IANA name, such as Europe/Zurich", f.Zone)
		zone = time.UTC
	}
	if at["why"] == nil {
		r.Add(n, "%s: why is missing; people will read it while they wait", in)
	}
	once := at["from"] != nil || at["until"] != nil
	switch {
	case once && at["weekly"] != nil:
		r.Add(n, "%s: a freeze is once (from, until) or weekly, not both", in)
	case at["from"] != nil && at["until"] != nil:
		f.From, f.Until = r.moment(at["from"], "from", zone), r.moment(at["until"], "until", zone)
		if !f.From.IsZero() && !f.Until.IsZero() && !f.From.Before(f.Until) {
			r.Add(at["until"], "until must come after from")
		}
	case at["weekly"] == nil:
		r.Add(n, "%s needs from and until, or weekly: Fri 16:00 – Mon 08:00", in)
	}
	return f
}

// moment reads a time of the calendar, by the freeze's zone.
func (r *declared) moment(n *yaml.Node, what string, zone *time.Location) time.Time {
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, n.Value, zone); err == nil && n.Kind == yaml.ScalarNode {
			return t
		}
	}
	r.Add(n, "%s must be a time such as 2026-12-23 18:00, not %s", what, yamldoc.Describe(n))
	return time.Time{}
}

var weekly = regexp.MustCompile(`^([A-Za-z]+) ([0-9]{1,2}):([0-9]{2}) *[–-] *([A-Za-z]+) ([0-9]{1,2}):([0-9]{2})$`)

func (r *declared) weekly(n *yaml.Node) *slipway.Weekly {
	m := weekly.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		r.Add(n, "weekly must be a part of the week, such as Fri 16:00 – Mon 08:00, not %s", yamldoc.Describe(n))
		return nil
	}
	from, okFrom := moment(m[1:4])
	until, okUntil := moment(m[4:7])
	switch {
	case !okFrom || !okUntil:
		r.Add(n, "weekly names a day or a time that does not exist: %s; write Mon to Sun and 00:00 to 23:59", yamldoc.Describe(n))
	case from == until:
		r.Add(n, "weekly ends when it begins: %s", yamldoc.Describe(n))
	}
	return &slipway.Weekly{From: from, Until: until}
}

// moment reads Fri, 16, 00.
func moment(parts []string) (m slipway.Moment, ok bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if name := day.String(); strings.EqualFold(parts[0], name) || strings.EqualFold(parts[0], name[:3]) {
			m.Day, ok = day, true
		}
	}
	hour, _ := strconv.Atoi(parts[1])
	minute, _ := strconv.Atoi(parts[2])
	m.Minute = 60*hour + minute
	return m, ok && hour < 24 && minute < 60
}
