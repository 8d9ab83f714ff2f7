package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// written is a step as it stands in the file: where each of its values is.
type written struct {
	node   *yaml.Node
	kind   slipway.StepKind
	values map[string]*yaml.Node
}

// at is where to point for a value: itself, else the whole step.
func (w written) at(name string) *yaml.Node {
	if n := w.values[name]; n != nil {
		return n
	}
	return w.node
}

// checkRoot checks the whole document and finds its steps and other values.
func checkRoot(p *yamldoc.Problems, root *yaml.Node) (map[string]*yaml.Node, []written) {
	values := map[string]*yaml.Node{"steps": root}
	if root.Kind != yaml.SequenceNode {
		if values = rootKeys.read(p, root); root.Kind != yaml.MappingNode {
			return values, nil
		}
	}
	if env := values["env"]; env != nil {
		checkEnv(p, env)
	}
	if agents := values["agents"]; agents != nil {
		checkAgents(p, agents)
	}
	list := values["steps"]
	switch {
	case list == nil:
		if p.Len() == 0 { // else an unknown key was meant to be it, most likely
			p.Add(root, "there are no steps; write steps: and a list")
		}
		return values, nil
	case list.Kind != yaml.SequenceNode:
		p.Add(list, "steps must be a list, not %s", yamldoc.Describe(list))
		return values, nil
	case len(list.Content) == 0:
		p.Add(list, "there are no steps")
	case len(list.Content) > MaxSteps:
		p.Add(list, "%d steps; a pipeline may have %d", len(list.Content), MaxSteps)
		return values, nil
	}
	var steps []written
	for _, n := range list.Content {
		steps = append(steps, checkStep(p, yamldoc.Resolve(n)))
	}
	return values, steps
}

func checkStep(p *yamldoc.Problems, n *yaml.Node) written {
	w := written{node: n}
	switch n.Kind {
	case yaml.ScalarNode:
		w.kind = scalarStep(p, n)
		return w
	case yaml.MappingNode:
	default:
		p.Add(n, "a step must be a mapping or one of the words wait and block, not %s", yamldoc.Describe(n))
		return w
	}
	if w.kind = kindOf(p, n); w.kind == "" {
		return w
	}
	w.values = stepKeys[w.kind].read(p, n)
	for name, value := range w.values {
		checks[name](p, name, value)
	}
	return w
}

func scalarStep(p *yamldoc.Problems, n *yaml.Node) slipway.StepKind {
	switch n.Value {
	case "wait", "waiter":
		return slipway.StepWait
	case "block", "manual":
		return slipway.StepBlock
	case "input":
		p.Add(n, "input steps are not supported yet")
	default:
		p.Add(n, "a step must be a mapping or one of the words wait and block, not %s%s", yamldoc.Describe(n), yamldoc.Meant(n.Value, []string{"wait", "block"}))
	}
	return ""
}

// kindOf is what a step does, which the one key that says so tells.
func kindOf(p *yamldoc.Problems, n *yaml.Node) (kind slipway.StepKind) {
	var by string
	for _, e := range entries(new(yamldoc.Problems), n, "") {
		word := e.Key.Value
		if slices.Contains(laterSteps, word) {
			p.Add(e.Key, "%s steps are not supported yet", word)
			return ""
		}
		name := word
		if alias := commonAlias[word]; alias != "" {
			name = alias
		}
		k := slipway.StepKind(name)
		if _, ok := stepKeys[k]; !ok {
			continue
		}
		if kind != "" && kind != k {
			p.Add(e.Key, "a step is either a %s or a %s step; %q is there already", kind, k, by)
			return ""
		}
		kind, by = k, word
	}
	if kind == "" { // a command step that lacks its command, most likely
		told := p.Len()
		if stepKeys[slipway.StepCommand].read(p, n); p.Len() == told {
			p.Add(n, "a step needs a command; or it is wait or block")
		}
	}
	return kind
}

// checks hold each value of a step to its form.
var checks = map[string]func(p *yamldoc.Problems, name string, n *yaml.Node){
	"command":            checkCommand,
	"label":              checkText,
	"prompt":             checkText,
	"wait":               checkOptionalText,
	"block":              checkOptionalText,
	"key":                checkKey,
	"branches":           checkTexts,
	"depends_on":         checkDependsOn,
	"env":                func(p *yamldoc.Problems, _ string, n *yaml.Node) { checkEnv(p, n) },
	"agents":             func(p *yamldoc.Problems, _ string, n *yaml.Node) { checkAgents(p, n) },
	"timeout_in_minutes": checkTimeout,
}

// checkText wants a text. Numbers and the like are taken as they are written,
// so that 1.10 stays 1.10.
func checkText(p *yamldoc.Problems, name string, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || yamldoc.IsNull(n) {
		p.Add(n, "%s must be a text, not %s", name, yamldoc.Describe(n))
		return
	}
	if strings.ContainsRune(n.Value, 0) {
		p.Add(n, "%s must not hold a zero byte", name)
	}
	n.Tag = "!!str"
}

func checkOptionalText(p *yamldoc.Problems, name string, n *yaml.Node) {
	if !yamldoc.IsNull(n) {
		checkText(p, name, n)
	}
}

// checkTexts wants a text or a list of them.
func checkTexts(p *yamldoc.Problems, name string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		checkText(p, name, n)
		return
	}
	for i, item := range n.Content {
		checkText(p, fmt.Sprintf("%s[%d]", name, i), yamldoc.Resolve(item))
	}
}

func checkCommand(p *yamldoc.Problems, name string, n *yaml.Node) {
	checkTexts(p, name, n)
	if n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" || n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.Add(n, "the command is empty")
	}
}

const maxKey = 100

var (
	keyForm  = regexp.MustCompile(`^[A-Za-z0-9_:.$\{\}-]+$`) // $ and braces: variables of the pipeline
	uuidForm = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func checkKey(p *yamldoc.Problems, name string, n *yaml.Node) {
	if checkText(p, name, n); n.Kind != yaml.ScalarNode || yamldoc.IsNull(n) {
		return
	}
	if len(n.Value) > maxKey || !keyForm.MatchString(n.Value) || uuidForm.MatchString(n.Value) {
		p.Add(n, "%s cannot be a key; use 1 to %d letters, digits, - _ : and dots, and no UUID", yamldoc.Describe(n), maxKey)
	}
}

func checkEnv(p *yamldoc.Problems, n *yaml.Node) {
	for _, e := range entries(p, n, "env") {
		if !nameForm.MatchString(e.Key.Value) {
			p.Add(e.Key, "%s cannot name a variable; use letters, digits and _", yamldoc.Describe(e.Key))
		}
		checkOptionalText(p, "env "+e.Key.Value, e.Value)
	}
}

func checkAgents(p *yamldoc.Problems, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		for _, e := range entries(p, n, "agents") {
			checkText(p, "agents "+e.Key.Value, e.Value)
		}
		return
	}
	for i, item := range n.Content {
		item = yamldoc.Resolve(item)
		checkText(p, fmt.Sprintf("agents[%d]", i), item)
		if k, _, ok := strings.Cut(item.Value, "="); item.Kind == yaml.ScalarNode && (!ok || k == "") {
			p.Add(item, "agents[%d] must be tag=value, not %s", i, yamldoc.Describe(item))
		}
	}
}

var dependsOnKeys = keys("a dependency", []string{"step", "allow_failure"}, nil)

func checkDependsOn(p *yamldoc.Problems, name string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		checkOptionalText(p, name, n)
		return
	}
	for i, item := range n.Content {
		item = yamldoc.Resolve(item)
		if item.Kind != yaml.MappingNode {
			checkText(p, fmt.Sprintf("%s[%d]", name, i), item)
			continue
		}
		values := dependsOnKeys.read(p, item)
		if step := values["step"]; step == nil {
			p.Add(item, "%s[%d] needs step: and the key of a step", name, i)
		} else {
			checkText(p, "step", step)
		}
		if allow := values["allow_failure"]; allow != nil && allow.ShortTag() != "!!bool" {
			p.Add(allow, "allow_failure must be true or false, not %s", yamldoc.Describe(allow))
		}
	}
}

const maxMinutes = 24 * 60

func checkTimeout(p *yamldoc.Problems, name string, n *yaml.Node) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < 1 || v > maxMinutes {
		p.Add(n, "%s must be a whole number from 1 to %d, not %s", name, maxMinutes, yamldoc.Describe(n))
	}
}
