package pipeline

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
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
func checkRoot(p *problems, root *yaml.Node) (map[string]*yaml.Node, []written) {
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
		if len(p.list) == 0 { // else an unknown key was meant to be it, most likely
			p.add(root, "there are no steps; write steps: and a list")
		}
		return values, nil
	case list.Kind != yaml.SequenceNode:
		p.add(list, "steps must be a list, not %s", describe(list))
		return values, nil
	case len(list.Content) == 0:
		p.add(list, "there are no steps")
	case len(list.Content) > MaxSteps:
		p.add(list, "%d steps; a pipeline may have %d", len(list.Content), MaxSteps)
		return values, nil
	}
	var steps []written
	for _, n := range list.Content {
		steps = append(steps, checkStep(p, resolve(n)))
	}
	return values, steps
}

func checkStep(p *problems, n *yaml.Node) written {
	w := written{node: n}
	switch n.Kind {
	case yaml.ScalarNode:
		w.kind = scalarStep(p, n)
		return w
	case yaml.MappingNode:
	default:
		p.add(n, "a step must be a mapping or one of the words wait and block, not %s", describe(n))
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

func scalarStep(p *problems, n *yaml.Node) slipway.StepKind {
	switch n.Value {
	case "wait", "waiter":
		return slipway.StepWait
	case "block", "manual":
		return slipway.StepBlock
	case "input":
		p.add(n, "input steps are not supported yet")
	default:
		p.add(n, "a step must be a mapping or one of the words wait and block, not %s%s", describe(n), meant(n.Value, []string{"wait", "block"}))
	}
	return ""
}

// kindOf is what a step does, which the one key that says so tells.
func kindOf(p *problems, n *yaml.Node) (kind slipway.StepKind) {
	var by string
	for _, e := range entries(new(problems), n, "") {
		word := e.key.Value
		if slices.Contains(laterSteps, word) {
			p.add(e.key, "%s steps are not supported yet", word)
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
			p.add(e.key, "a step is either a %s or a %s step; %q is there already", kind, k, by)
			return ""
		}
		kind, by = k, word
	}
	if kind == "" { // a command step that lacks its command, most likely
		told := len(p.list)
		if stepKeys[slipway.StepCommand].read(p, n); len(p.list) == told {
			p.add(n, "a step needs a command; or it is wait or block")
		}
	}
	return kind
}

// checks hold each value of a step to its form.
var checks = map[string]func(p *problems, name string, n *yaml.Node){
	"command":            checkCommand,
	"label":              checkText,
	"prompt":             checkText,
	"wait":               checkOptionalText,
	"block":              checkOptionalText,
	"key":                checkKey,
	"branches":           checkTexts,
	"depends_on":         checkDependsOn,
	"env":                func(p *problems, _ string, n *yaml.Node) { checkEnv(p, n) },
	"agents":             func(p *problems, _ string, n *yaml.Node) { checkAgents(p, n) },
	"timeout_in_minutes": checkTimeout,
}

// checkText wants a text. Numbers and the like are taken as they are written,
// so that 1.10 stays 1.10.
func checkText(p *problems, name string, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		p.add(n, "%s must be a text, not %s", name, describe(n))
		return
	}
	if strings.ContainsRune(n.Value, 0) {
		p.add(n, "%s must not hold a zero byte", name)
	}
	n.Tag = "!!str"
}

func checkOptionalText(p *problems, name string, n *yaml.Node) {
	if !isNull(n) {
		checkText(p, name, n)
	}
}

// checkTexts wants a text or a list of them.
func checkTexts(p *problems, name string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		checkText(p, name, n)
		return
	}
	for i, item := range n.Content {
		checkText(p, fmt.Sprintf("%s[%d]", name, i), resolve(item))
	}
}

func checkCommand(p *problems, name string, n *yaml.Node) {
	checkTexts(p, name, n)
	if n.Kind == yaml.ScalarNode && strings.TrimSpace(n.Value) == "" || n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		p.add(n, "the command is empty")
	}
}

const maxKey = 100

var (
	keyForm  = regexp.MustCompile(`^[A-Za-z0-9_:.$\{\}-]+$`) // $ and braces: variables of the pipeline
	uuidForm = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func checkKey(p *problems, name string, n *yaml.Node) {
	if checkText(p, name, n); n.Kind != yaml.ScalarNode || isNull(n) {
		return
	}
	if len(n.Value) > maxKey || !keyForm.MatchString(n.Value) || uuidForm.MatchString(n.Value) {
		p.add(n, "%s cannot be a key; use 1 to %d letters, digits, - _ : and dots, and no UUID", describe(n), maxKey)
	}
}

func checkEnv(p *problems, n *yaml.Node) {
	for _, e := range entries(p, n, "env") {
		if !nameForm.MatchString(e.key.Value) {
			p.add(e.key, "%s cannot name a variable; use letters, digits and _", describe(e.key))
		}
		checkOptionalText(p, "env "+e.key.Value, e.value)
	}
}

func checkAgents(p *problems, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		for _, e := range entries(p, n, "agents") {
			checkText(p, "agents "+e.key.Value, e.value)
		}
		return
	}
	for i, item := range n.Content {
		item = resolve(item)
		checkText(p, fmt.Sprintf("agents[%d]", i), item)
		if k, _, ok := strings.Cut(item.Value, "="); item.Kind == yaml.ScalarNode && (!ok || k == "") {
			p.add(item, "agents[%d] must be tag=value, not %s", i, describe(item))
		}
	}
}

var dependsOnKeys = keys("a dependency", []string{"step", "allow_failure"}, nil)

func checkDependsOn(p *problems, name string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		checkOptionalText(p, name, n)
		return
	}
	for i, item := range n.Content {
		item = resolve(item)
		if item.Kind != yaml.MappingNode {
			checkText(p, fmt.Sprintf("%s[%d]", name, i), item)
			continue
		}
		values := dependsOnKeys.read(p, item)
		if step := values["step"]; step == nil {
			p.add(item, "%s[%d] needs step: and the key of a step", name, i)
		} else {
			checkText(p, "step", step)
		}
		if allow := values["allow_failure"]; allow != nil && allow.ShortTag() != "!!bool" {
			p.add(allow, "allow_failure must be true or false, not %s", describe(allow))
		}
	}
}

const maxMinutes = 24 * 60

func checkTimeout(p *problems, name string, n *yaml.Node) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < 1 || v > maxMinutes {
		p.add(n, "%s must be a whole number from 1 to %d, not %s", name, maxMinutes, describe(n))
	}
}
