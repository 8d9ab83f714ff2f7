package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// routes is how many services × environments get a port.
const routes = 6

// up brings up a fresh Slipway on free ports.
func (p *play) up(ctx context.Context) error {
	listen, err := freePort()
	if err != nil {
		return err
	}
	base, err := freePorts(2 * routes)
	if err != nil {
		return err
	}
	// A login link does not belong into what may be kept as a log.
	out := &lines{t: p.teller, skip: "/login?"}
	err = p.showOn(out, p.command(ctx, "up", "--detach", "--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(listen)),
		"--route-port", strconv.Itoa(base)), "slipway up --detach")
	if err != nil {
		return err
	}
	var server struct {
		URL string `json:"url"`
	}
	if err := readJSON(filepath.Join(p.data(), "server.json"), &server); err != nil {
		return err
	}
	token, err := os.ReadFile(filepath.Join(p.data(), "admin.token"))
	if err != nil {
		return broken("the server wrote no token: %v", err)
	}
	p.client = api.New(server.URL, strings.TrimSpace(string(token)))
	p.memory = watchMemory(p.serverPID)
	return nil
}

// down ends everything on the data directory, if anything is there.
func (p *play) down(ctx context.Context) error {
	if _, err := os.Stat(p.data()); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	out, err := p.command(ctx, "down").CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitNotFound {
		return nil // nothing runs
	}
	if err != nil {
		return broken("slipway down: %v: %s", err, out)
	}
	return nil
}

// exitNotFound is the exit code of a slipway command that found nothing.
const exitNotFound = 4

// command is a slipway command on our data directory.
func (p *play) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Exe, append(args, "--data", p.data())...)
	cmd.Env = append(environ(), "SLIPWAY_FAILPOINTS="+p.failpoints())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// environ is ours without what would lead commands to another server.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SLIPWAY_") && !strings.HasPrefix(v, "BUILDKITE_") && !strings.HasPrefix(v, "GIT_") {
			env = append(env, v)
		}
	}
	return env
}

// slipway runs a slipway command as a person would, and shows it.
func (p *play) slipway(ctx context.Context, args ...string) error {
	return p.show(p.command(ctx, args...), "slipway "+strings.Join(args, " "))
}

// show runs a command and shows it with what it prints.
func (p *play) show(cmd *exec.Cmd, typed string) error {
	return p.showOn(&lines{t: p.teller}, cmd, typed)
}

func (p *play) showOn(out *lines, cmd *exec.Cmd, typed string) error {
	p.say("$ %s", typed)
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	out.flush()
	if err != nil {
		return &failed{typed, err}
	}
	return nil
}

// failed is a command that did not succeed; what it said was shown.
type failed struct {
	typed string
	err   error
}

func (f *failed) Error() string { return fmt.Sprintf("%q ended with %v", f.typed, f.err) }
func (f *failed) Unwrap() error { return f.err }

// didFail reports whether err is a command that ran and did not succeed.
func didFail(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1
}

// serverPID is the process number of the server, or 0 while there is none.
func (p *play) serverPID() int {
	var role struct {
		Process struct {
			PID int `json:"pid"`
		} `json:"process"`
	}
	if err := readJSON(filepath.Join(p.data(), "run", "server.json"), &role); err != nil {
		return 0
	}
	return role.Process.PID
}

func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return broken("cannot read %s: %v", filepath.Base(file), err)
	}
	return nil
}

// freePort asks the kernel for a port.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return 0, slipway.Errorf(slipway.Unavailable, "no free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener's address is one
}

// freePorts finds n free ports in a row. It looks below those that the kernel
// gives to outgoing connections, which would take them before they are used.
func freePorts(n int) (int, error) {
	const low, high = 12_000, 30_000
	for range 100 {
		base := low + rand.N(high-low)
		if allFree(base, n) {
			return base, nil
		}
	}
	return 0, slipway.Errorf(slipway.Unavailable, "no %d free ports in a row from %d to %d", n, low, high)
}

func allFree(base, n int) bool {
	for port := base; port < base+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it does not wait
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
