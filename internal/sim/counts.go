package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Counts say how much a world went through, and what of.
type Counts struct {
	Events, Faults, Requests int
	Seen                     map[string]int // kind: name → how often
}

func newCounts() Counts { return Counts{Seen: map[string]int{}} }

func (c *Counts) add(o Counts) {
	c.Events += o.Events
	c.Faults += o.Faults
	c.Requests += o.Requests
	for what, n := range o.Seen {
		c.Seen[what] += n
	}
}

// saw notes that something of a kind happened.
func (w *World) saw(kind, name string) { w.counts.Seen[kind+": "+name]++ }

// fault notes that something went wrong on purpose.
func (w *World) fault(name string) {
	w.counts.Faults++
	w.saw("fault", name)
}

// everything is what worlds have to go through in a run of some size, by kind.
var everything = map[string][]string{
	"phase": {
		string(slipway.Progressing), string(slipway.RollingBack), string(slipway.Succeeded), string(slipway.RolledBack),
		string(slipway.Failed), string(slipway.Cancelled), string(slipway.Superseded), string(slipway.Stuck),
	},
	"action": {
		string(slipway.ApplyGroup), string(slipway.ApplyRoute), string(slipway.StopInstance), string(slipway.ForgetInstance),
		string(slipway.RunTask), string(slipway.CancelTask),
	},
	"stage":    {"surge", "vacate", "alone", "by ready", "by weight", "lent", "passive", "preview", "hold", "gates", "first, judged"},
	"strategy": {"rolling", "immutable", "canary", "recreate", "detach", "workers canary"},
	"asked":    {"deploy", "rollback", "restart", "abort", "promote", "replace", "scale", "remove", "approve", "lock", "unlock", "declare", "agree"},
	"gate": {
		"pass", "fail", "wait", "inconclusive", "replace", "lock pass", "lock wait", "freeze pass", "freeze wait", "approval pass", "approval wait", "needs pass", "needs wait",
	},
	"task":  {"waiting", "running", "passed", "failed", "cancelled", "vanished"},
	"state": {"retained", "taken back", "rescaled while it moves", "struggling", "ailing", "draining", "adopted", "refused by the driver", "announced", "given up for a crash loop", "overridden"},
	"fault": {
		"died before a call", "died after a call", "call lost", "answer lost", "call twice", "call late", "stood still",
		"killed at rest", "store away", "database restored", "moved", "clock turned", "router restarted", "router cut off", "router deaf", "router mute",
		"lapsed", "instance crashed", "instance unready", "all unready", "never ready", "crash loop", "crashes after ready", "slow start",
	},
}

// missing lists what a run never went through.
func (c *Counts) missing() []string {
	var names []string
	for kind, all := range everything {
		for _, name := range all {
			if c.Seen[kind+": "+name] == 0 {
				names = append(names, kind+": "+name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// String is a table of what was gone through.
func (c *Counts) String() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(c.Seen)) {
		fmt.Fprintf(&b, "%9d  %s\n", c.Seen[what], what)
	}
	return b.String()
}
