package manifest

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

func image(p *yamldoc.Problems, n *yaml.Node) slipway.ImageSource {
	var s slipway.ImageSource
	at := mapping(p, n, "image", fields{
		{"static", func(n *yaml.Node) { s.Static = static(p, n) }},
		unsupported(p, "dockerfile", "use image.static, an image of built files"),
	})
	if at != nil && at["static"] == nil && at["dockerfile"] == nil {
		p.Add(n, "image says nothing; write image: { static: … }")
	}
	return s
}

func static(p *yamldoc.Problems, n *yaml.Node) *slipway.StaticImage {
	s := &slipway.StaticImage{}
	at := mapping(p, n, "image.static", fields{
		{"files", func(n *yaml.Node) {
			list(p, n, "image.static.files", func(_ int, item *yaml.Node) {
				s.Files = append(s.Files, file(p, item))
			})
		}},
		{"entrypoint", func(n *yaml.Node) { s.Entrypoint = words(p, n, "image.static.entrypoint") }},
	})
	if at != nil && (at["files"] == nil || at["files"].Kind == yaml.SequenceNode && len(s.Files) == 0) {
		p.Add(n, "image.static needs files: [{ from: thoughts-backend, to: /thoughts-backend }]")
	}
	return s
}

func file(p *yamldoc.Problems, n *yaml.Node) slipway.ImageFile {
	var f slipway.ImageFile
	at := mapping(p, n, "image.static.files", fields{
		{"from", func(n *yaml.Node) {
			f.From = path.Clean(text(p, n, "from"))
			if !filepath.IsLocal(f.From) || strings.Contains(f.From, `\`) {
				p.Add(n, "from must be a path inside the repository, relative to slipway.yaml, not %s", yamldoc.Describe(n))
			}
		}},
		{"to", func(n *yaml.Node) {
			v := text(p, n, "to")
			f.To = path.Clean(v)
			if v != "" && (!path.IsAbs(v) || slices.Contains(strings.Split(v, "/"), "..")) {
				p.Add(n, "to must be an absolute path in the image, not %s", yamldoc.Describe(n))
			}
		}},
		{"mode", func(n *yaml.Node) { f.Mode = mode(p, n) }},
	})
	for _, key := range []string{"from", "to"} {
		if at != nil && at[key] == nil {
			p.Add(n, "image.static.files: %s is missing; write { from: thoughts-backend, to: /thoughts-backend }", key)
		}
	}
	return f
}

// mode reads permission bits as people write them: 0755, "755", 0o755.
func mode(p *yamldoc.Problems, n *yaml.Node) uint32 {
	v, err := strconv.ParseUint(strings.TrimPrefix(n.Value, "0o"), 8, 32)
	if n.Kind != yaml.ScalarNode || err != nil || v == 0 || v > 0o777 {
		p.Add(n, "mode must be permission bits such as 0755, not %s", yamldoc.Describe(n))
		return 0
	}
	return uint32(v)
}
