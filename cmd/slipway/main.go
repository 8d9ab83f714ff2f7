// Command slipway is every role of Slipway in one binary: what people type, and
// the server, router, agent and shim processes.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/slipway-cd/slipway/internal/cli"
	"github.com/slipway-cd/slipway/internal/daemon"
)

func main() {
	v := version()
	root := cli.Root(cli.Options{Version: v, DataDir: daemon.DefaultDataDir, Publish: daemon.Publish})
	root.AddCommand(daemon.Commands(v)...)
	os.Exit(cli.Main(context.Background(), root, os.Args[1:], os.Stderr))
}

// version is the module's version, or the commit that the binary was built of.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "development"
}
