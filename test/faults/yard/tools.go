package yard

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Tools are the programs that a yard is made of.
type Tools struct {
	Dir     string
	Slipway string
	Gauge   string // the service, see package gauge
}

const module = "github.com/slipway-cd/slipway/"

// Build builds them into dir. It needs Go and this module's sources.
func Build(ctx context.Context, dir string) (Tools, error) {
	t := Tools{Dir: dir, Slipway: filepath.Join(dir, "slipway"), Gauge: filepath.Join(dir, "gauge")}
	for out, source := range map[string]string{t.Slipway: "cmd/slipway", t.Gauge: "test/faults/gauge"} {
		// Stripped: an image of the service is unpacked for each of its versions.
		build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", out, module+source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := build.CombinedOutput(); err != nil {
			return t, fmt.Errorf("build %s: %w\n%s", source, err, text)
		}
	}
	return t, nil
}
