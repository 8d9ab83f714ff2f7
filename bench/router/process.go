package router

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/slipway-cd/slipway/bench/peers"
)

// process is a program that the benchmark started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	said bytes.Buffer
}

// start runs a program on some cores until stop.
func (b *bench) start(ctx context.Context, on string, env []string, command ...string) (*process, error) {
	p := &process{done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", on}, command...)...)
	p.cmd.Env = append(os.Environ(), append(env, fmt.Sprintf("GOMAXPROCS=%d", b.each))...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	b.procs = append(b.procs, p)
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // its own group
		<-p.done
	}
}

// cpu is the time that the program has used up so far, with all processes of its
// group.
func (p *process) cpu() (used time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Linux runs
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if len(f) < 13 || f[2] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		for _, field := range f[11:13] {
			n, _ := strconv.ParseInt(field, 10, 64)
			used += time.Duration(n) * tick
		}
	}
	return used
}

// peer starts a program with its configuration from bench/peers.
func (b *bench) peer(ctx context.Context, program, file string, env []string, args ...string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program // where Debian keeps it from ordinary people
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("it is missing (Debian: apt-get install %s)", map[string]string{"nginx": "nginx-light"}[program]+strings.TrimPrefix(program, "nginx"))
		}
	}
	listen, err := freeAddr()
	if err != nil {
		return "", err
	}
	t, err := template.ParseFS(peers.Files, file)
	if err != nil {
		return "", err
	}
	config := filepath.Join(b.dir, file)
	f, err := os.Create(config)
	if err != nil {
		return "", err
	}
	err = t.Execute(f, map[string]any{"Listen": listen, "Dir": b.dir, "Cores": b.each, "Servers": b.servers})
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", err
	}
	p, err := b.start(ctx, b.measured, env, append([]string{path}, append(args, config)...)...)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
		return "", fmt.Errorf("it ended: %s", p.said.String())
	case <-time.After(200 * time.Millisecond):
	}
	return "http://" + listen + "/", nil
}

func (b *bench) startNginx(ctx context.Context) (string, error) {
	return b.peer(ctx, "nginx", "nginx.conf", nil, "-p", b.dir, "-c")
}

func (b *bench) startHAProxy(ctx context.Context) (string, error) {
	return b.peer(ctx, "haproxy", "haproxy.cfg", nil, "-db", "-f")
}

func (b *bench) startCaddy(ctx context.Context) (string, error) {
	return b.peer(ctx, "caddy", "Caddyfile", []string{"HOME=" + b.dir}, "run", "--adapter", "caddyfile", "--config")
}

// freeAddr is free now; who gets it takes it a moment later.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
