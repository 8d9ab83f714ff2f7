package router

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"time"
)

// bench is one measurement: an upstream, and contenders that take turns.
type bench struct {
	settings
	dir        string
	wrk        string
	measured   string // cores, as taskset names them
	load       string
	each       int
	servers    []server
	procs      []*process
	contenders []*contender
	missing    []string
	ceiling    []run // of the load without anything between
}

// server is an instance, and its part of the traffic in percent.
type server struct {
	Addr   string
	Weight int
	Group  string
}

// contender is a program that is measured.
type contender struct {
	name    string
	url     string
	process *process
	runs    []run
}

func newBench(ctx context.Context, dir string, s settings) (*bench, error) {
	b := &bench{settings: s, dir: dir}
	b.measured, b.load, b.each = cores()
	var err error
	if b.wrk, err = exec.LookPath("wrk"); err != nil {
		return nil, fmt.Errorf("wrk makes the load and is missing (Debian: apt-get install wrk)")
	}
	if err := b.startUpstream(ctx); err != nil {
		b.stop()
		return nil, err
	}
	for _, start := range []struct {
		name string
		call func(context.Context) (string, error)
	}{
		{"slipway", b.startSlipway}, {"nginx", b.startNginx}, {"haproxy", b.startHAProxy},
		{"caddy", b.startCaddy}, {"reverseproxy", b.startReverseProxy},
	} {
		if s.only != "" && s.only != start.name {
			continue
		}
		url, err := start.call(ctx)
		if err == nil {
			err = ready(ctx, url)
		}
		if err != nil {
			if start.name == "slipway" {
				b.stop()
				return nil, err
			}
			b.missing = append(b.missing, fmt.Sprintf("%s is not measured: %v", start.name, err))
			continue
		}
		b.contenders = append(b.contenders, &contender{name: start.name, url: url, process: b.procs[len(b.procs)-1]})
	}
	return b, nil
}

// rounds has all take turns, so that whatever else the machine does meets all of
// them alike.
func (b *bench) rounds(ctx context.Context, out io.Writer) error {
	for _, text := range b.missing {
		_, _ = fmt.Fprintln(out, text)
	}
	for _, c := range b.contenders {
		if _, err := b.ask(ctx, c.url, 1); err != nil { // warm
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for n := range b.settings.rounds {
		ceiling, err := b.ask(ctx, "http://"+b.servers[0].Addr+"/", 1)
		if err != nil {
			return err
		}
		b.ceiling = append(b.ceiling, ceiling)
		turns := slices.Concat(b.contenders[n%len(b.contenders):], b.contenders[:n%len(b.contenders)])
		for _, c := range turns {
			before := c.process.cpu()
			got, err := b.ask(ctx, c.url, b.seconds)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			got.cpu = float64((c.process.cpu() - before).Microseconds()) / (got.rps * float64(b.seconds))
			c.runs = append(c.runs, got)
			time.Sleep(pause)
		}
	}
	return nil
}

func (b *bench) machine() string {
	return fmt.Sprintf("%s · %d cores: %s for what is measured, %s for wrk and the upstream · %d connections · %d rounds of %d s",
		cpuName(), runtime.NumCPU(), b.measured, b.load, connections, b.settings.rounds, b.seconds)
}

func (b *bench) stop() {
	for _, p := range slices.Backward(b.procs) {
		p.stop()
	}
	b.procs = nil
}
