package pipeline

import (
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// vocabulary is the keys of one kind of mapping in the format.
type vocabulary struct {
	in      string            // what a person calls the mapping
	aliases map[string]string // every known key, with the name it is known by here
	later   []string          // keys of the format that Slipway does not do yet
}

func keys(in string, known []string, aliases map[string]string, later ...string) vocabulary {
	v := vocabulary{in, map[string]string{}, later}
	for _, k := range known {
		v.aliases[k] = k
	}
	maps.Copy(v.aliases, aliases)
	return v
}

var (
	common      = []string{"label", "key", "branches", "depends_on"}
	commonAlias = map[string]string{"name": "label", "id": "key", "identifier": "key", "commands": "command", "waiter": "wait", "manual": "block"}

	rootKeys = keys("the pipeline", []string{"steps", "env", "agents"}, nil,
		"notify", "image", "secrets", "priority", "checkout", "cache", "defaults", "signature")

	stepKeys = map[slipway.StepKind]vocabulary{
		slipway.StepCommand: keys("a command step", slices.Concat(common, []string{"command", "env", "agents", "timeout_in_minutes"}), pick("label", "key", "command"),
			"type", "if", "allow_dependency_failure", "artifact_paths", "cache", "cancel_on_build_failing", "checkout", "concurrency", "concurrency_group",
			"concurrency_method", "if_changed", "image", "matrix", "notify", "parallelism", "plugins", "priority", "retry", "secrets", "signature", "skip", "soft_fail"),
		slipway.StepWait: keys("a wait step", slices.Concat(common, []string{"wait"}), pick("label", "key", "wait"),
			"type", "if", "allow_dependency_failure", "continue_on_failure"),
		slipway.StepBlock: keys("a block step", slices.Concat(common, []string{"block", "prompt"}), pick("label", "key", "block"),
			"type", "if", "allow_dependency_failure", "allowed_teams", "blocked_state", "fields"),
	}

	// laterSteps are kinds of steps, by the key that makes them.
	laterSteps = []string{"input", "trigger", "group"}
)

// pick is the aliases of some names.
func pick(names ...string) map[string]string {
	out := map[string]string{}
	for alias, name := range commonAlias {
		if slices.Contains(names, name) {
			out[alias] = name
		}
	}
	return out
}

// read finds the values of mapping n by name. Keys that are unknown, come too
// early for Slipway, or say the same thing twice are problems.
func (v vocabulary) read(p *yamldoc.Problems, n *yaml.Node) map[string]*yaml.Node {
	values, said := map[string]*yaml.Node{}, map[string]string{}
	for _, e := range entries(p, n, v.in) {
		word := e.Key.Value
		switch name, known := v.aliases[word]; {
		case known && values[name] != nil:
			p.Add(e.Key, "%q says again what %q says; keep one of them", word, said[name])
		case known:
			values[name], said[name] = e.Value, word
		case slices.Contains(v.later, word):
			p.Add(e.Key, "%q of %s is not supported yet", word, v.in)
		default:
			p.Add(e.Key, "unknown key %q in %s%s", word, v.in, yamldoc.Meant(word, v.words()))
		}
	}
	return values
}

func (v vocabulary) words() []string {
	words := slices.Clone(v.later)
	for k := range v.aliases {
		words = append(words, k)
	}
	slices.Sort(words)
	return words
}
