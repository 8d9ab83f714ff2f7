package manifest

import (
	_ "embed"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

//go:embed environments.yaml
var environmentsReference string

// EnvironmentsReference is an environments.yaml with every key and what it
// means: the text of "slipway help environments.yaml".
func EnvironmentsReference() string { return environmentsReference }

// BuiltinEnvironments is the environments.yaml that stands for those that are
// there until others are declared.
const BuiltinEnvironments = `environments:
  test: { queue: test }
  prod: { previous: test, queue: production }
`

// Ground is what environments stand on: what this installation can do.
type Ground struct {
	Drivers []string // that there are
	Shared  bool     // server, jobs and instances have one user: nothing can be protected
}

// ParseEnvironments reads the environments.yaml in text; file is what problems
// call it. Its errors are TooLarge, or Invalid with every problem of the text.
// The environments are in the order a release travels.
func ParseEnvironments(file string, text []byte, on Ground) (slipway.Environments, error) {
	if len(text) > MaxBytes {
		return nil, slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, MaxBytes>>10)
	}
	r := &declared{Problems: &yamldoc.Problems{File: file}, on: on}
	if root := yamldoc.Read(r.Problems, text, "installation"); root != nil {
		r.read(root)
	}
	if err := r.Err("The keys of environments.yaml: slipway help environments.yaml"); err != nil {
		return nil, err
	}
	return r.inOrder(), nil
}

// maxEnvironments bounds how many there can be.
const maxEnvironments = 50

// declared are the environments of a file while it is read.
type declared struct {
	*yamldoc.Problems
	on  Ground
	all slipway.Environments
	at  map[slipway.EnvironmentName]map[string]*yaml.Node // where their keys are
}

func (r *declared) read(root *yaml.Node) {
	r.at = map[slipway.EnvironmentName]map[string]*yaml.Node{}
	at := mapping(r.Problems, root, "the file", fields{
		{"environments", func(n *yaml.Node) {
			pairs(r.Problems, n, "environments", r.environment)
		}},
	})
	switch {
	case at == nil:
		return
	case at["environments"] == nil:
		r.Add(root, "environments is missing; write environments: { test: {} }")
		return
	case len(r.all) == 0 && r.Len() == 0:
		r.Add(at["environments"], "there has to be an environment")
	case len(r.all) > maxEnvironments:
		r.Add(at["environments"], "there can be %d environments at most", maxEnvironments)
	}
	r.checkWay()
	r.checkShared("queue", func(e slipway.Environment) string { return string(e.Queue) },
		"its jobs may deploy to %s; each environment has a queue of its own")
	r.checkShared("listener", func(e slipway.Environment) string {
		if e.Listener == nil {
			return ""
		}
		return e.Listener.Address
	}, "its address belongs to %s; environments do not share a door")
}

func (r *declared) environment(key, n *yaml.Node) {
	e := slipway.Environment{Name: slipway.EnvironmentName(key.Value)}
	if err := e.Name.Validate(); err != nil {
		r.Add(key, "%s", slipway.MessageOf(err))
		return
	}
	e.Queue = slipway.Queue(e.Name)
	if len(r.on.Drivers) > 0 {
		e.Driver = r.on.Drivers[0]
	}
	in := "environments." + key.Value
	at := map[string]*yaml.Node{}
	if !yamldoc.IsNull(n) {
		at = mapping(r.Problems, n, in, fields{
			{"driver", func(n *yaml.Node) { e.Driver = r.driver(n) }},
			{"previous", func(n *yaml.Node) { e.Previous = slipway.EnvironmentName(text(r.Problems, n, "previous")) }},
			{"queue", func(n *yaml.Node) { e.Queue = r.queue(n) }},
			{"listener", func(n *yaml.Node) { e.Listener = r.listener(n, in+".listener") }},
			{"protected", func(n *yaml.Node) { e.Protected = r.protected(n, e.Name) }},
			{"approvals", func(n *yaml.Node) { e.Approvals = r.approvals(n, in+".approvals") }},
			{"freezes", func(n *yaml.Node) { e.Freezes = r.freezes(n, in+".freezes") }},
			{"defaults", func(n *yaml.Node) { e.Defaults = Placement(r.Problems, n, in+".defaults") }},
		})
	}
	if at == nil {
		return
	}
	at[""] = key
	r.at[e.Name] = at
	r.all = append(r.all, e)
}

// where is the key of an environment, or its name when the key is not written.
func (r *declared) where(e slipway.EnvironmentName, key string) *yaml.Node {
	if n := r.at[e][key]; n != nil {
		return n
	}
	return r.at[e][""]
}

func (r *declared) driver(n *yaml.Node) string {
	name := text(r.Problems, n, "driver")
	if name != "" && !slices.Contains(r.on.Drivers, name) {
		r.Add(n, "there is no driver %q%s", name, meantOf(name, r.on.Drivers))
	}
	return name
}

func (r *declared) queue(n *yaml.Node) slipway.Queue {
	q := slipway.Queue(text(r.Problems, n, "queue"))
	if err := q.Validate(); err != nil && q != "" {
		r.Add(n, "%s", slipway.MessageOf(err))
	}
	return q
}

func (r *declared) protected(n *yaml.Node, name slipway.EnvironmentName) bool {
	is := truth(r.Problems, n, "protected")
	if is && n.ShortTag() == "!!bool" && r.on.Shared {
		r.Add(n, "%s cannot be protected here: the server, jobs and instances run as one user (single-user mode), so whoever can push could reach it; remove protected, or run them as users of their own", name)
	}
	return is
}

var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (r *declared) listener(n *yaml.Node, in string) *slipway.Listener {
	l := &slipway.Listener{}
	at := mapping(r.Problems, n, in, fields{
		{"address", func(n *yaml.Node) {
			l.Address = text(r.Problems, n, "address")
			_, port, err := net.SplitHostPort(l.Address)
			if number, bad := strconv.Atoi(port); l.Address != "" && (err != nil || bad != nil || number < 1 || number > 65535) {
				r.Add(n, "address must be HOST:PORT, such as 0.0.0.0:443, not %s", yamldoc.Describe(n))
			}
		}},
		{"domain", func(n *yaml.Node) {
			l.Domain = text(r.Problems, n, "domain")
			if l.Domain != "" && (len(l.Domain) > 180 || !domain.MatchString(l.Domain)) {
				r.Add(n, "domain must be a host name, such as prod.example.com, not %s", yamldoc.Describe(n))
			}
		}},
		{"cert", func(n *yaml.Node) { l.Cert = r.file(n, "cert") }},
		{"key", func(n *yaml.Node) { l.Key = r.file(n, "key") }},
	})
	for _, key := range []string{"address", "domain"} {
		if at != nil && at[key] == nil {
			r.Add(n, "%s needs %s; write { address: 0.0.0.0:443, domain: prod.example.com }", in, key)
		}
	}
	if at != nil && (at["cert"] == nil) != (at["key"] == nil) {
		r.Add(n, "%s needs cert and key, or neither", in)
	}
	return l
}

func (r *declared) file(n *yaml.Node, what string) string {
	path := text(r.Problems, n, what)
	if path != "" && !strings.HasPrefix(path, "/") {
		r.Add(n, "%s must be an absolute path on the routers' machines, not %s", what, yamldoc.Describe(n))
	}
	return path
}

func (r *declared) approvals(n *yaml.Node, in string) slipway.Approvals {
	a := slipway.Approvals{Count: 1, Role: slipway.Deployer}
	mapping(r.Problems, n, in, fields{
		{"count", func(n *yaml.Node) { a.Count = whole(r.Problems, n, "count", 0, 20) }},
		{"role", func(n *yaml.Node) {
			a.Role = slipway.Role(text(r.Problems, n, "role"))
			if err := a.Role.Validate(); err != nil && a.Role != "" {
				r.Add(n, "%s", slipway.MessageOf(err))
			}
		}},
		{"not_author", func(n *yaml.Node) { a.NotAuthor = truth(r.Problems, n, "not_author") }},
	})
	if a.Count == 0 {
		return slipway.Approvals{}
	}
	return a
}

func meantOf(got string, known []string) string {
	if hint := yamldoc.Meant(got, known); hint != "" {
		return hint
	}
	return "; there are " + strings.Join(known, ", ")
}
