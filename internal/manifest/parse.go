package manifest

import (
	"maps"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

// MaxBytes bounds a manifest.
const MaxBytes = 64 << 10

// Parse reads the manifest in text; file is what problems call it. Its errors
// are TooLarge, or Invalid with every problem of the text. Defaults are filled
// in, and every environment that exists has a placement.
func Parse(file string, text []byte) (slipway.Manifest, error) {
	if len(text) > MaxBytes {
		return slipway.Manifest{}, slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, MaxBytes>>10)
	}
	p := &yamldoc.Problems{File: file}
	var m slipway.Manifest
	if root := yamldoc.Read(p, text, "service"); root != nil {
		m = service(p, root)
	}
	if err := p.Err("The keys of slipway.yaml: slipway help manifest"); err != nil {
		return slipway.Manifest{}, err
	}
	return m, nil
}

func service(p *yamldoc.Problems, root *yaml.Node) slipway.Manifest {
	m := slipway.Manifest{
		Run:    slipway.Run{Drain: slipway.DefaultDrain, StopGrace: slipway.DefaultStopGrace},
		Health: slipway.Health{Deadline: slipway.DefaultDeadline},
	}
	in := "the service"
	if name := peek(root, "service"); name != "" {
		in = "service " + name
	}
	at := mapping(p, root, in, fields{
		{"service", func(n *yaml.Node) {
			m.Service = slipway.ServiceName(text(p, n, "service"))
			if err := m.Service.Validate(); err != nil && m.Service != "" {
				p.Add(n, "%s", slipway.MessageOf(err))
			}
		}},
		{"kind", func(n *yaml.Node) { m.Kind = kind(p, n) }},
		{"owner", func(n *yaml.Node) { m.Owner = text(p, n, "owner") }},
		{"image", func(n *yaml.Node) { m.Image = image(p, n) }},
		{"run", func(n *yaml.Node) { run(p, n, &m.Run) }},
		{"health", func(n *yaml.Node) { health(p, n, &m.Health) }},
		{"needs", func(n *yaml.Node) { m.Needs = needs(p, n) }},
		{"environments", func(n *yaml.Node) { m.Environments = environments(p, n) }},
	})
	if at == nil {
		return m
	}
	complete(p, root, at, &m)
	return m
}

// complete checks what concerns several keys, and fills in the placements that
// were not written.
func complete(p *yamldoc.Problems, root *yaml.Node, at map[string]*yaml.Node, m *slipway.Manifest) {
	missing := func(key, remedy string) {
		if at[key] == nil {
			p.Add(root, "%s is missing; %s", key, remedy)
		}
	}
	where := func(key string) *yaml.Node {
		if n := at[key]; n != nil {
			return n
		}
		return root
	}
	missing("service", "name it: service: thoughts-backend")
	missing("kind", "write kind: web (takes traffic) or kind: worker (takes work)")
	missing("image", "write image: { static: … }")
	switch m.Kind {
	case slipway.Web:
		if m.Run.Port == 0 {
			p.Add(where("run"), "a web service needs run.port, where it listens")
		}
		if n := find(at["run"], "env", "PORT"); n != nil {
			p.Add(n, "PORT is given by Slipway; run.port says where the service listens")
		}
	case slipway.Worker:
		if m.Run.Port != 0 {
			p.Add(where("run"), "a worker has no port; remove run.port, or write kind: web")
		}
		if m.Health.Ready != nil || m.Health.Live != nil {
			p.Add(where("health"), "a worker has no port to probe; remove health.ready and health.live")
		}
		if n := find(at["health"], "deadline"); n != nil && m.Health.Deadline >= time.Second && m.Health.Deadline < 2*time.Second {
			p.Add(n, "a worker is ready when it has run for a second; deadline must be at least 2s, not %s", yamldoc.Describe(n))
		}
	}
	if s := m.Image.Static; s != nil && len(s.Entrypoint) == 0 && len(m.Run.Command) == 0 {
		p.Add(where("image"), "nothing says what to start; write image.static.entrypoint or run.command")
	}
	if i := slices.IndexFunc(m.Needs, func(n slipway.Need) bool { return n.Service == m.Service }); i >= 0 && m.Service != "" {
		p.Add(where("needs"), "%s needs itself", m.Service)
	}
	all := map[slipway.EnvironmentName]slipway.Placement{}
	for _, e := range slipway.BuiltinEnvironments {
		all[e.Name] = slipway.Placement{Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}}
	}
	maps.Copy(all, m.Environments)
	m.Environments = all
}

func kind(p *yamldoc.Problems, n *yaml.Node) slipway.Kind {
	switch k := slipway.Kind(text(p, n, "kind")); k {
	case slipway.Web, slipway.Worker:
		return k
	case "task":
		p.Add(n, "kind: task is not supported yet; there are web, worker")
	case "":
	default:
		p.Add(n, "there is no kind %q; there are web, worker", k)
	}
	return ""
}
