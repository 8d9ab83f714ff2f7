// Bench measures Slipway against real peers, one benchmark by name:
//
//	go run ./bench deploy [--json] [--deployments N]
//	go run ./bench router [--json] [--seconds N]
//	go run ./bench idle [--json] [--services N]
//	go run ./bench trial [--json] [--rounds N]
//	go run ./bench canary [--json] [--seed N]
//
// A benchmark reports; it never decides whether a test passes. With --json its
// last line is one object. README.md keeps the last results.
package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/slipway-cd/slipway/bench/canary"
	"github.com/slipway-cd/slipway/bench/deploy"
	"github.com/slipway-cd/slipway/bench/idle"
	"github.com/slipway-cd/slipway/bench/router"
	"github.com/slipway-cd/slipway/bench/trial"
)

// benchmarks run with the arguments that follow their name, and write to out.
var benchmarks = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"canary": canary.Run,
	"deploy": deploy.Run,
	"idle":   idle.Run,
	"router": router.Run,
	"trial":  trial.Run,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	names := strings.Join(slices.Sorted(maps.Keys(benchmarks)), ", ")
	if len(args) == 0 {
		return fmt.Errorf("which one? go run ./bench NAME [--json]; there are: %s", names)
	}
	bench := benchmarks[args[0]]
	if bench == nil {
		return fmt.Errorf("no benchmark %q; there are: %s", args[0], names)
	}
	return bench(ctx, args[1:], os.Stdout)
}
