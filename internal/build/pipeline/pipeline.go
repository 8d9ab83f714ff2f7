package pipeline

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	buildkite "github.com/buildkite/go-pipeline"
	"github.com/buildkite/go-pipeline/ordered"
	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// Bounds of a pipeline file.
const (
	MaxBytes = 256 << 10
	MaxSteps = 500
)

// DefaultQueue is where a step runs that asks for no queue, as in Buildkite.
const DefaultQueue slipway.Queue = "default"

// Pipeline is a pipeline file, read and checked.
type Pipeline struct {
	Env   map[string]string // may hold variables of the job, which its environment resolves
	Steps []slipway.Step

	file    string
	written []written // where each step came from
}

// Parse reads the pipeline in text; file is what problems call it. Its errors
// are TooLarge, or Invalid with every problem of the text as file:line:column.
func Parse(file string, text []byte) (*Pipeline, error) {
	if len(text) > MaxBytes {
		return nil, slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, MaxBytes>>10)
	}
	p := &yamldoc.Problems{File: file}
	root := yamldoc.Read(p, text, "pipeline")
	if root == nil {
		return nil, p.Err("")
	}
	values, steps := checkRoot(p, root)
	if err := p.Err(""); err != nil {
		return nil, err
	}
	var meant buildkite.Pipeline
	if err := ordered.Unmarshal(root, &meant); err != nil || len(meant.Steps) != len(steps) {
		p.Add(root, "this cannot be understood as a pipeline: %v", err)
		return nil, p.Err("")
	}
	r := &reader{Problems: p}
	out := &Pipeline{Env: r.env(values["env"], meant.Env), file: file, written: steps}
	defaults := r.agents(values["agents"], meant.RemainingFields["agents"])
	for i, w := range steps {
		out.Steps = append(out.Steps, r.step(w, meant.Steps[i], defaults))
	}
	checkKeys(p, steps, out.Steps)
	if err := p.Err(""); err != nil {
		return nil, err
	}
	return out, nil
}

// CheckQueues reports an Invalid error for every step whose queue is not one of
// the known.
func (p *Pipeline) CheckQueues(known []slipway.Queue) error {
	problems := &yamldoc.Problems{File: p.file}
	for i, s := range p.Steps {
		if s.Kind != slipway.StepCommand || slices.Contains(known, s.Queue()) {
			continue
		}
		asks := ""
		if p.written[i].values["agents"] == nil && s.Queue() == DefaultQueue {
			asks = `, which a step without agents: { queue: … } asks for`
		}
		problems.Add(p.written[i].at("agents"), "there is no queue %q%s; there are %s", s.Queue(), asks, names(known))
	}
	return problems.Err("")
}

func names(queues []slipway.Queue) string {
	var out []string
	for _, q := range queues {
		out = append(out, string(q))
	}
	return strings.Join(out, ", ")
}

// reader turns what the vendor's library understood into steps, with the
// pipeline's own variables filled in.
type reader struct {
	*yamldoc.Problems
	vars map[string]string
}

func (r *reader) fill(at *yaml.Node, text string) string {
	out, err := expand(text, r.vars)
	r.told(at, err)
	return out
}

// env reads the top-level variables, each of which may use those above it.
func (r *reader) env(at *yaml.Node, env *ordered.MapSS) map[string]string {
	r.vars = map[string]string{}
	out := map[string]string{}
	for k, v := range env.All {
		out[k] = r.fillEnv(at, v)
		r.vars[k] = r.fill(at, v)
	}
	return out
}

func (r *reader) fillEnv(at *yaml.Node, text string) string {
	out, err := expandKept(text, r.vars)
	r.told(at, err)
	return out
}

func (r *reader) told(at *yaml.Node, err error) {
	switch {
	case errors.Is(err, errTooLong):
		r.Add(at, "%v", err)
	case err != nil:
		r.Add(at, "%v; write $$ for a dollar sign that the shell shall see", err)
	}
}

func (r *reader) step(w written, meant buildkite.Step, defaults map[string]string) slipway.Step {
	s := slipway.Step{Kind: w.kind}
	switch m := meant.(type) {
	case *buildkite.CommandStep:
		s.Key, s.Label, s.Command = m.Key, m.Label, r.fill(w.at("command"), m.Command)
		for k, v := range m.Env {
			if s.Env == nil {
				s.Env = map[string]string{}
			}
			s.Env[k] = r.fillEnv(w.at("env"), v)
		}
		if s.Agents = r.agents(w.at("agents"), m.RemainingFields["agents"]); s.Agents == nil {
			s.Agents = defaults
		}
		s.Agents = withQueue(s.Agents)
		if err := s.Queue().Validate(); err != nil {
			r.Add(w.at("agents"), "%s", slipway.MessageOf(err))
		}
		minutes, _ := m.RemainingFields["timeout_in_minutes"].(int)
		s.Timeout = time.Duration(minutes) * time.Minute
		r.order(&s, w, m.RemainingFields)
	case *buildkite.WaitStep:
		s.Label = first(m.Contents, "label", "name", "wait", "waiter")
		s.Key = first(m.Contents, "key", "id", "identifier")
		r.order(&s, w, m.Contents)
	case *buildkite.InputStep:
		s.Label = first(m.Contents, "label", "name", "block", "manual")
		s.Key = first(m.Contents, "key", "id", "identifier")
		s.Prompt = r.fill(w.at("prompt"), first(m.Contents, "prompt"))
		r.order(&s, w, m.Contents)
	default:
		r.Add(w.node, "this cannot be understood as a step")
	}
	s.Key, s.Label = r.fill(w.at("key"), s.Key), r.fill(w.at("label"), s.Label)
	return s
}

// first is the first of some keys that holds a text.
func first(m map[string]any, keys ...string) string {
	for _, k := range keys {
		if s, ok := m[k].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// agents reads the tags that an agent must have; nil when none are given.
func (r *reader) agents(at *yaml.Node, value any) map[string]string {
	var out map[string]string
	add := func(k string, v any) {
		if out == nil {
			out = map[string]string{}
		}
		s, _ := v.(string)
		out[k] = r.fill(at, s)
	}
	switch v := value.(type) {
	case *ordered.MapSA:
		for k, v := range v.All {
			add(k, v)
		}
	case []any:
		for _, item := range v {
			s, _ := item.(string)
			k, v, _ := strings.Cut(s, "=")
			add(k, v)
		}
	}
	return out
}

func withQueue(agents map[string]string) map[string]string {
	out := map[string]string{"queue": string(DefaultQueue)}
	maps.Copy(out, agents)
	return out
}

// order reads when and where a step runs.
func (r *reader) order(s *slipway.Step, w written, m map[string]any) {
	switch v := m["branches"].(type) {
	case string:
		s.Branches = r.fill(w.at("branches"), v)
	case []any:
		var all []string
		for _, item := range v {
			text, _ := item.(string)
			all = append(all, r.fill(w.at("branches"), text))
		}
		s.Branches = strings.Join(all, " ")
	}
	value, given := m["depends_on"]
	s.NoDepends = given && value == nil
	list, isList := value.([]any)
	if !isList && value != nil {
		list = []any{value}
	}
	s.NoDepends = s.NoDepends || isList && len(list) == 0
	for _, item := range list {
		switch v := item.(type) {
		case string:
			s.DependsOn = append(s.DependsOn, r.fill(w.at("depends_on"), v))
		case *ordered.MapSA:
			step, _ := v.Get("step")
			key, _ := step.(string)
			key = r.fill(w.at("depends_on"), key)
			s.DependsOn = append(s.DependsOn, key)
			if allow, _ := v.Get("allow_failure"); allow == true {
				s.AllowFailure = append(s.AllowFailure, key)
			}
		}
	}
}
