package manifest

import (
	"regexp"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

func strategy(p *yamldoc.Problems, n *yaml.Node) slipway.Strategy {
	s := slipway.Strategy(text(p, n, "strategy"))
	var names []string
	for _, known := range slipway.Strategies {
		if s == known {
			return s
		}
		names = append(names, string(known))
	}
	if s != "" {
		p.Add(n, "there is no strategy %q%s", s, meantOf(string(s), names))
	}
	return ""
}

// rollout reads the options of the strategy that was chosen. Those of another
// are a problem: they would do nothing.
func rollout(p *yamldoc.Problems, at map[string]*yaml.Node, in string, pl *slipway.Placement) {
	for _, o := range []struct {
		strategy slipway.Strategy
		read     func(n *yaml.Node, in string)
	}{
		{slipway.Rolling, func(n *yaml.Node, in string) { rolling(p, n, in, pl) }},
		{slipway.Immutable, func(n *yaml.Node, in string) { immutable(p, n, in, &pl.Rollout) }},
		{slipway.Canary, func(n *yaml.Node, in string) { canary(p, n, in, pl) }},
	} {
		n := at[string(o.strategy)]
		switch {
		case n == nil && pl.Strategy == o.strategy:
			o.read(&yaml.Node{Kind: yaml.MappingNode}, in)
		case n == nil:
		case pl.Strategy == o.strategy:
			o.read(n, in+"."+string(o.strategy))
		case at["strategy"] == nil:
			p.Add(n, "%s does nothing without strategy: %s; write that in %s, or remove %s", o.strategy, o.strategy, in, o.strategy)
		case pl.Strategy != "":
			p.Add(n, "%s does nothing with strategy: %s; write strategy: %s, or remove %s", o.strategy, pl.Strategy, o.strategy, o.strategy)
		}
	}
}

func rolling(p *yamldoc.Problems, n *yaml.Node, in string, pl *slipway.Placement) {
	r := &pl.Rollout
	at := mapping(p, n, in, fields{
		{"surge", func(n *yaml.Node) { r.Surge = whole(p, n, "surge", 1, slipway.MaxReplicas) }},
		{"step", func(n *yaml.Node) { r.Step = whole(p, n, "step", 1, slipway.MaxReplicas) }},
	})
	if at["surge"] != nil && r.Surge < max(r.Step, 1) {
		p.Add(at["surge"], "surge must be at least step, %d: so many start before as many end", r.Step)
	}
}

func immutable(p *yamldoc.Problems, n *yaml.Node, in string, r *slipway.Rollout) {
	r.KeepOld = slipway.DefaultKeepOld
	at := mapping(p, n, in, beside(p, in, r))
	if at["evidence"] == nil && r.Bake > 0 {
		r.Evidence = defaultEvidence()
	}
}

// beside are the options of strategies that make a whole second group.
func beside(p *yamldoc.Problems, in string, r *slipway.Rollout) fields {
	return fields{
		{"keep_old", func(n *yaml.Node) { r.KeepOld = duration(p, n, "keep_old", slipway.MaxHold) }},
		{"bake", func(n *yaml.Node) { r.Bake = duration(p, n, "bake", slipway.MaxHold) }},
		{"preview", func(n *yaml.Node) { r.Preview = preview(p, n, in+".preview") }},
		{"evidence", func(n *yaml.Node) { r.Evidence = evidence(p, n, in+".evidence") }},
	}
}

func canary(p *yamldoc.Problems, n *yaml.Node, in string, pl *slipway.Placement) {
	r := &pl.Rollout
	r.Weights, r.Hold, r.Evidence = slipway.DefaultWeights, slipway.DefaultHold, defaultEvidence()
	at := mapping(p, n, in, append(fields{
		{"weights", func(n *yaml.Node) { r.Weights = weights(p, n) }},
		{"hold", func(n *yaml.Node) { r.Hold = duration(p, n, "hold", slipway.MaxHold) }},
		{"instances", func(n *yaml.Node) { r.Instances = whole(p, n, "instances", 1, slipway.MaxReplicas) }},
		{"detach", func(n *yaml.Node) { r.Detach = whole(p, n, "detach", 1, slipway.MaxReplicas) }},
	}, beside(p, in, r)...))
	if pl.Replicas == 0 { // not written; the environment may say
		return
	}
	if at["instances"] != nil && r.Instances > pl.Replicas {
		p.Add(at["instances"], "instances must be at most replicas, %d, not %d", pl.Replicas, r.Instances)
	}
	if at["detach"] != nil && r.Detach >= pl.Replicas {
		p.Add(at["detach"], "detach must be less than replicas, %d: somebody has to go on serving", pl.Replicas)
	}
}

func weights(p *yamldoc.Problems, n *yaml.Node) []slipway.BasisPoints {
	var all []slipway.BasisPoints
	list(p, n, "weights", func(i int, item *yaml.Node) {
		w, ok := percent(item)
		switch {
		case !ok:
			p.Add(item, "weights[%d] must be a percentage such as 10%% or 0.25%%, not %s", i, yamldoc.Describe(item))
		case w == slipway.All:
			p.Add(item, "weights[%d] must be below 100%%, which comes last by itself", i)
		case w <= 0 || w > slipway.All:
			p.Add(item, "weights[%d] must be between 0%% and 100%%, not %s", i, yamldoc.Describe(item))
		case len(all) > 0 && w <= all[len(all)-1]:
			p.Add(item, "weights must rise: %s comes after %s", item.Value, n.Content[i-1].Value)
			all = append(all, w)
		default:
			all = append(all, w)
		}
	})
	switch {
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		p.Add(n, "weights must have at least one percentage; write [1%%, 10%%, 50%%], or strategy: immutable, which has none")
	case len(n.Content) > slipway.MaxWeights:
		p.Add(n, "weights must be at most %d, not %d", slipway.MaxWeights, len(n.Content))
	}
	return all
}

var percentage = regexp.MustCompile(`^([0-9]{1,4})(?:\.([0-9]{1,2}))? ?%$`)

func percent(n *yaml.Node) (slipway.BasisPoints, bool) {
	m := percentage.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || m == nil {
		return 0, false
	}
	whole, _ := strconv.Atoi(m[1])
	part, _ := strconv.Atoi((m[2] + "00")[:2])
	return slipway.BasisPoints(whole*100 + part), true
}

// preview reads a command, alone or with where it runs and for how long.
func preview(p *yamldoc.Problems, n *yaml.Node, in string) *slipway.Preview {
	pr := &slipway.Preview{Timeout: slipway.DefaultPreviewTimeout}
	if n.Kind == yaml.ScalarNode {
		pr.Command = text(p, n, in)
		return pr
	}
	at := mapping(p, n, in, fields{
		{"command", func(n *yaml.Node) { pr.Command = text(p, n, in+".command") }},
		{"queue", func(n *yaml.Node) {
			pr.Queue = slipway.Queue(text(p, n, in+".queue"))
			if err := pr.Queue.Validate(); err != nil && pr.Queue != "" {
				p.Add(n, "%s", slipway.MessageOf(err))
			}
		}},
		{"timeout", func(n *yaml.Node) { pr.Timeout = between(p, n, "timeout", time.Second, slipway.MaxHold) }},
	})
	if at != nil && at["command"] == nil {
		p.Add(n, "%s needs command: what tests the candidate at $SLIPWAY_PREVIEW_URL", in)
	}
	return pr
}
