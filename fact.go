package slipway

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fact is something about a noun in words, by which two of its kind are
// compared. What is not there is no fact.
type Fact struct{ Name, Value string }

// Difference is a fact in which two of a kind differ; "" is not there.
type Difference struct{ Name, From, To string }

// Compare lists where b differs from a, in the order of a, then of b.
func Compare(a, b []Fact) []Difference {
	value := func(all []Fact, name string) string {
		for _, f := range all {
			if f.Name == name {
				return f.Value
			}
		}
		return ""
	}
	var all []Difference
	for _, f := range a {
		if to := value(b, f.Name); to != f.Value {
			all = append(all, Difference{f.Name, f.Value, to})
		}
	}
	for _, f := range b {
		if value(a, f.Name) == "" && f.Value != "" {
			all = append(all, Difference{f.Name, "", f.Value})
		}
	}
	return all
}

type facts []Fact

func (fs *facts) add(name, value string) {
	if value != "" {
		*fs = append(*fs, Fact{name, value})
	}
}

// Facts tells a placement: its scale, how deployments move it, its variables.
func (p Placement) Facts() []Fact {
	var fs facts
	fs.add("replicas", number(p.Replicas))
	fs.add("strategy", string(p.Strategy))
	fs.add("surge", number(p.Surge))
	fs.add("step", number(p.Step))
	fs.add("instances", number(p.Instances))
	fs.add("detach", number(p.Detach))
	var weights []string
	for _, w := range p.Weights {
		weights = append(weights, strconv.FormatFloat(float64(w)/100, 'f', -1, 64)+" %")
	}
	fs.add("weights", strings.Join(weights, ", "))
	fs.add("hold", period(p.Hold))
	fs.add("bake", period(p.Bake))
	fs.add("keep_old", period(p.KeepOld))
	if p.Preview != nil {
		fs.add("preview", p.Preview.Command)
		fs.add("preview queue", string(p.Preview.Queue))
	}
	if p.Evidence != nil {
		fs = append(fs, p.Evidence.facts()...)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		fs.add("env "+name, p.Env[name])
	}
	return fs
}

func (e Evidence) facts() []Fact {
	var fs facts
	fs.add("goes back above", e.Rollback.String())
	fs.add("promoted below", e.Promote.String())
	slower := fmt.Sprintf("%.0f %%", 100*e.Latency.longer())
	if e.LatencyFloor > 0 {
		slower += " or " + period(e.LatencyFloor) + ", whichever is more"
	}
	fs.add("slower by at most", slower)
	fs.add("latency settles within", period(e.Settle))
	fs.add("least requests", number(e.MinRequests))
	fs.add("longest hold", period(e.MaxHold))
	fs.add("warm-up", period(e.WarmUp))
	fs.add("SLO", inPercent(e.SLO))
	for _, q := range e.Queries {
		fs.add("query "+q.Name, q.Failed+" of "+q.All+" at "+q.Prometheus)
	}
	return fs
}

// String is: 1.5 × the stable one's errors + 0.25 %, wrong in at most 5 %.
func (b Bound) String() string {
	s := fmt.Sprintf("%g × the stable one's errors", b.Ratio)
	if b.Margin > 0 {
		s += " + " + inPercent(b.Margin)
	}
	return s + ", wrong in at most " + inPercent(b.Error)
}

// Facts tells an environment as it is declared.
func (e Environment) Facts() []Fact {
	var fs facts
	fs.add("driver", e.Driver)
	fs.add("previous", string(e.Previous))
	fs.add("queue", string(e.Queue))
	if l := e.Listener; l != nil {
		fs.add("listener", fmt.Sprintf("%s for *.%s", l.Address, l.Domain))
		fs.add("certificate", l.Cert)
		fs.add("key", l.Key)
	}
	if e.Protected {
		fs.add("protected", "yes")
	}
	fs.add("approvals", e.Approvals.String())
	for _, f := range e.Freezes {
		fs.add("freeze "+strconv.Quote(f.Why), f.String())
	}
	for _, f := range e.Defaults.Facts() {
		fs.add("default "+f.Name, f.Value)
	}
	return fs
}

// String is: 1 by a deployer, not the author; "" when none is needed.
func (a Approvals) String() string {
	if a.Count == 0 {
		return ""
	}
	s := fmt.Sprintf("%d by %s", a.Count, a.Role.Article())
	if a.NotAuthor {
		s += ", not the author"
	}
	return s
}

// Article is a role behind its article: an admin, a deployer.
func (r Role) Article() string {
	if r == Admin {
		return "an admin"
	}
	return "a " + string(r)
}

// String is when f holds: each week Fri 16:00 – Mon 08:00 Europe/Zurich.
func (f Freeze) String() string {
	zone := f.Zone
	if zone == "" {
		zone = "UTC"
	}
	if f.Weekly != nil {
		return fmt.Sprintf("each week %s – %s %s", f.Weekly.From, f.Weekly.Until, zone)
	}
	const layout = "2006-01-02 15:04"
	return fmt.Sprintf("%s – %s %s", f.From.Format(layout), f.Until.Format(layout), zone)
}

// String is: Fri 16:00.
func (m Moment) String() string {
	return fmt.Sprintf("%s %02d:%02d", m.Day.String()[:3], m.Minute/60, m.Minute%60)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// period writes 5m0s as 5m.
func period(d time.Duration) string {
	if d == 0 {
		return ""
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
