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
// are TooLarge, or Invalid with every problem of the text. What has a default
// has it, but for the environments: what they leave open may be said elsewhere,
// see [slipway.Manifest.In].
func Parse(file string, text []byte) (slipway.Manifest, error) {
	return parse(file, text, nil)
}

// ParseFor is Parse where it is known which environments there are: another one
// is a problem.
func ParseFor(all slipway.Environments, file string, text []byte) (slipway.Manifest, error) {
	return parse(file, text, func(p *yamldoc.Problems, root *yaml.Node) { known(p, root, all) })
}

func parse(file string, text []byte, more func(*yamldoc.Problems, *yaml.Node)) (slipway.Manifest, error) {
	if len(text) > MaxBytes {
		return slipway.Manifest{}, slipway.Errorf(slipway.TooLarge, "%s is larger than %d KiB", file, MaxBytes>>10)
	}
	p := &yamldoc.Problems{File: file}
	var m slipway.Manifest
	if root := yamldoc.Read(p, text, "service"); root != nil {
		m = service(p, root)
		if more != nil {
			more(p, root)
		}
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

// complete checks what concerns several keys.
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
	missing("kind", "write kind: web (takes traffic, at run.port) or kind: worker (takes work)")
	missing("image", "write image: { static: … }")
	switch m.Kind {
	case slipway.Web:
		web(p, where("run"), at, m)
	case slipway.Worker:
		worker(p, where("run"), at, m)
	}
	if s := m.Image.Static; s != nil && len(s.Entrypoint) == 0 && len(m.Run.Command) == 0 {
		p.Add(where("image"), "nothing says what to start; write image.static.entrypoint or run.command")
	}
	if i := slices.IndexFunc(m.Needs, func(n slipway.Need) bool { return n.Service == m.Service }); i >= 0 && m.Service != "" {
		p.Add(where("needs"), "%s needs itself", m.Service)
	}
	referred(p, find(at["health"], "preflight"), m)
	twofold(p, root, m)
}

func web(p *yamldoc.Problems, run *yaml.Node, at map[string]*yaml.Node, m *slipway.Manifest) {
	if m.Run.Port == 0 {
		p.Add(run, "a web service needs run.port, where it listens")
	}
	if n := find(at["run"], "env", "PORT"); n != nil {
		p.Add(n, "PORT is given by Slipway; run.port says where the service listens")
	}
	if n := find(at["run"], "passive"); n != nil {
		p.Add(n, "passive is for workers; a web service without traffic is idle by itself")
	}
}

// worker checks what cannot be without a port.
func worker(p *yamldoc.Problems, run *yaml.Node, at map[string]*yaml.Node, m *slipway.Manifest) {
	if m.Run.Port != 0 {
		p.Add(run, "a worker has no port; remove run.port, or write kind: web")
	}
	for _, key := range []string{"protocol", "sticky"} {
		if n := find(at["run"], key); n != nil {
			p.Add(n, "%s is for web services; a worker takes no traffic", key)
		}
	}
	for _, key := range []string{"startup", "ready", "live"} {
		for _, way := range []string{"http", "tcp", "grpc"} {
			if n := find(at["health"], key, way); n != nil {
				p.Add(n, "a worker has no port to probe; write health.%s.exec, or remove health.%s", key, key)
			}
		}
	}
	if n := find(at["health"], "deadline"); n != nil && m.Health.Ready == nil && m.Health.Deadline >= time.Second && m.Health.Deadline < 2*time.Second {
		p.Add(n, "a worker is ready when it has run for a second; deadline must be at least 2s, not %s", yamldoc.Describe(n))
	}
	for _, e := range slices.Sorted(maps.Keys(m.Environments)) {
		for _, s := range []string{"immutable", "canary"} {
			if n := find(at["environments"], string(e), s, "preview"); n != nil {
				p.Add(n, "a worker has no address that tests before traffic could ask; remove preview")
			}
		}
		if m.Environments[e].Strategy == slipway.Canary && !m.Run.Passive {
			p.Add(find(at["environments"], string(e), "strategy"), "a worker can be a canary only when it can be told to wait; write run.passive: true and heed SLIPWAY_ACTIVE, or strategy: rolling")
		}
	}
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
