package manifest

import (
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// evidence reads how a candidate is judged; nil: by its hold alone.
func evidence(p *yamldoc.Problems, n *yaml.Node, in string) *slipway.Evidence {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	e, r := defaultEvidence(), terms{p, map[string]bool{}}
	at := mapping(p, n, in, fields{
		{"rollback", func(n *yaml.Node) { r.bound(n, in, "rollback", "alpha", &e.Rollback) }},
		{"promote", func(n *yaml.Node) { r.bound(n, in, "promote", "beta", &e.Promote) }},
		r.of("", "latency", func(n *yaml.Node) { e.Latency = slower(part(p, n, in+".latency")) }),
		r.of("", "latency_floor", func(n *yaml.Node) { e.LatencyFloor = duration(p, n, "latency_floor", slipway.MaxLatencyFloor) }),
		r.of("", "settle", func(n *yaml.Node) { e.Settle = duration(p, n, "settle", slipway.MaxHold) }),
		r.of("", "min_requests", func(n *yaml.Node) { e.MinRequests = whole(p, n, "min_requests", 0, slipway.MaxMinRequests) }),
		r.of("", "max_hold", func(n *yaml.Node) { e.MaxHold = duration(p, n, "max_hold", slipway.MaxMaxHold) }),
		r.of("", "warm_up", func(n *yaml.Node) { e.WarmUp = duration(p, n, "warm_up", slipway.MaxHold) }),
		r.of("", "slo", func(n *yaml.Node) { e.SLO = part(p, n, in+".slo") }),
		r.of("", "queries", func(n *yaml.Node) { e.Queries = queries(p, n, in+".queries") }),
	})
	if at == nil {
		return e
	}
	if _, written := r.read["promote.ratio"]; !written { // who tolerates more, needs no more to be shown
		e.Promote.Ratio = max(e.Promote.Ratio, e.Rollback.Ratio)
	}
	if _, written := r.read["promote.margin"]; !written {
		e.Promote.Margin = max(e.Promote.Margin, e.Rollback.Margin)
	}
	for _, f := range e.Faults() {
		if r.read[f.Key] { // what is not written is right, or follows what is wrong
			p.Add(place(n, f.Key), "%s: %s", in, f.Text)
		}
	}
	return e
}

func defaultEvidence() *slipway.Evidence {
	e := slipway.DefaultEvidence
	return &e
}

// place is where a key is written, as far as it is.
func place(n *yaml.Node, key string) *yaml.Node {
	for k := range strings.SplitSeq(key, ".") {
		if at := find(n, k); at != nil {
			n = at
		}
	}
	return n
}

// terms reads evidence, and keeps for each key that is written whether what it says
// could be read.
type terms struct {
	p    *yamldoc.Problems
	read map[string]bool
}

func (r terms) of(in, key string, read func(*yaml.Node)) field {
	return field{key, func(n *yaml.Node) {
		before := r.p.Len()
		read(n)
		r.read[in+key] = r.p.Len() == before
	}}
}

// bound reads a tolerated error rate; probability is what people call its Error.
func (r terms) bound(n *yaml.Node, in, key, probability string, b *slipway.Bound) {
	p, in := r.p, in+"."+key
	mapping(p, n, in, fields{
		r.of(key+".", "ratio", func(n *yaml.Node) {
			ratio, err := strconv.ParseFloat(n.Value, 64)
			if n.Kind != yaml.ScalarNode || err != nil {
				p.Add(n, "%s.ratio must be a number such as 1.2, not %s", in, yamldoc.Describe(n))
				return
			}
			b.Ratio = ratio
		}),
		r.of(key+".", "margin", func(n *yaml.Node) { b.Margin = part(p, n, in+".margin") }),
		r.of(key+".", probability, func(n *yaml.Node) { b.Error = part(p, n, in+"."+probability) }),
	})
}

var partial = regexp.MustCompile(`^([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%$`)

// part reads a percentage as a part of 1.
func part(p *yamldoc.Problems, n *yaml.Node, what string) float64 {
	m := partial.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		p.Add(n, "%s must be a percentage such as 1%% or 0.25%%, not %s", what, yamldoc.Describe(n))
		return 0
	}
	v, _ := strconv.ParseFloat(m[1], 64)
	return v / 100
}

// slower is how many steps of latency come nearest to being slower by a part.
func slower(by float64) slipway.Bucket {
	return slipway.Bucket(math.Round(math.Log2(1+by) * slipway.BucketsPerDouble))
}

// queries reads what is asked of Prometheus.
func queries(p *yamldoc.Problems, n *yaml.Node, in string) (all []slipway.Query) {
	list(p, n, in, func(i int, item *yaml.Node) {
		in := in + "[" + strconv.Itoa(i) + "]"
		var q slipway.Query
		at := mapping(p, item, in, fields{
			{"name", func(n *yaml.Node) { q.Name = text(p, n, in+".name") }},
			{"prometheus", func(n *yaml.Node) {
				q.Prometheus = text(p, n, in+".prometheus")
				u, err := url.Parse(q.Prometheus)
				if q.Prometheus != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "") {
					p.Add(n, "%s.prometheus must be a URL such as http://127.0.0.1:9090, without name, password or query", in)
				}
			}},
			{"failed", func(n *yaml.Node) { q.Failed = text(p, n, in+".failed") }},
			{"all", func(n *yaml.Node) { q.All = text(p, n, in+".all") }},
		})
		for _, key := range []string{"name", "prometheus", "failed", "all"} {
			if at != nil && at[key] == nil {
				p.Add(item, "%s needs %s", in, key)
			}
		}
		all = append(all, q)
	})
	return all
}
