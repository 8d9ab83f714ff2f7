package yard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// Options say what a yard is like.
type Options struct {
	Disk     string // where its data directory is made; "": with everything else
	Database string // "": SQLite
}

// Yard is one installation, with a home of its own.
type Yard struct {
	Tools
	Client    *api.Client
	Data      string // its data directory
	Ledger    string // what its services write down, a file per process
	Listen    int    // port of the server
	RoutePort int    // first port of the routes

	dir, home string
	database  string
	guard     net.Listener // of its ports
	others    string       // data directory of another server of the same database
	listeners int          // that were made
	boot      string       // a file that stands for the kernel's boot ID; "": the kernel's own
	apart     []*Process   // that run beside `slipway up`
}

const patience = 90 * time.Second

// Raise brings up an installation: server, router and an agent.
func (t Tools) Raise(ctx context.Context, o Options) (*Yard, error) {
	dir, err := os.MkdirTemp("", "slipway-yard-")
	if err != nil {
		return nil, err
	}
	first, guard, err := takePorts()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	y := &Yard{
		Tools: t, dir: dir, home: filepath.Join(dir, "home"), Data: filepath.Join(dir, "data"), Ledger: filepath.Join(dir, "ledger"),
		Listen: first, RoutePort: first + 1, database: o.Database, guard: guard,
	}
	if o.Disk != "" {
		y.Data = filepath.Join(o.Disk, "data")
	}
	for _, d := range []string{y.home, y.Ledger} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	config := "[user]\n\tname = Mei\n\temail = mei@example.com\n[init]\n\tdefaultBranch = master\n"
	if err := os.WriteFile(filepath.Join(y.home, ".gitconfig"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	if err := y.Up(ctx); err != nil {
		return nil, errors.Join(err, y.End())
	}
	return y, nil
}

// Up starts server, router and agent, supervised, and returns when they run.
func (y *Yard) Up(ctx context.Context) error {
	_, err := y.Do(ctx, y.dir, y.Slipway, "up", "--detach", "--queue", "test",
		"--listen", y.Address(), "--route-port", strconv.Itoa(y.RoutePort))
	if err != nil {
		return err
	}
	return y.connect()
}

// Address is HOST:PORT of the server.
func (y *Yard) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(y.Listen)) }

func (y *Yard) connect() error {
	token, err := os.ReadFile(filepath.Join(y.Data, "admin.token"))
	if err != nil {
		return err
	}
	y.Client = api.New("http://"+y.Address(), strings.TrimSpace(string(token)))
	return nil
}

// Failpoints is the file that the server looks into at its failpoints.
func (y *Yard) Failpoints() string { return filepath.Join(y.dir, "failpoints") }

// Do runs a program as a person would, and returns what it prints.
func (y *Yard) Do(ctx context.Context, dir, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if program == y.Slipway && !slices.Contains(args, "--data") {
		args = append(args, "--data", y.Data)
	}
	if y.boot != "" && program == y.Slipway {
		args = append([]string{"--mount", "sh", "-c", anotherBoot, "sh", y.boot, program}, args...)
		program = "unshare"
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, y.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// anotherBoot runs a command for which $1 lies over the kernel's boot ID.
const anotherBoot = `mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"`

// Boot has everything from now on run in another boot of this machine, by its
// looks: only root can do that.
func (y *Yard) Boot(id string) error {
	y.boot = filepath.Join(y.dir, "boot_id")
	return os.WriteFile(y.boot, []byte(id+"\n"), 0o600)
}

// env is what everything of this installation is started with.
func (y *Yard) env() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "SLIPWAY_") && !strings.HasPrefix(name, "GIT_") && name != "HOME" && name != "XDG_DATA_HOME" && name != "XDG_RUNTIME_DIR" {
			env = append(env, kv)
		}
	}
	env = append(env, "HOME="+y.home, "PATH="+y.Dir+":"+os.Getenv("PATH"), "SLIPWAY_FAILPOINTS="+y.Failpoints())
	if y.database != "" {
		env = append(env, "SLIPWAY_DATABASE="+y.database)
	}
	return env
}

// Role is the process that plays a role of `slipway up`: server, router.
func (y *Yard) Role(name string) (Process, error) {
	var file struct{ Process Process }
	text, err := os.ReadFile(filepath.Join(y.Data, "run", name+".json"))
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	return file.Process, err
}

// Down ends everything, instances included.
func (y *Yard) Down() error {
	for _, p := range y.apart {
		p.End(5 * time.Second)
	}
	y.apart = nil
	if y.others != "" {
		_, _ = y.DoOn(context.Background(), y.others, "down")
	}
	_, err := y.Do(context.Background(), y.dir, y.Slipway, "down")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 { // nothing runs
		return nil
	}
	return err
}

// End takes everything down and removes it.
func (y *Yard) End() error {
	defer func() { _ = y.guard.Close() }()
	err := y.Down()
	for _, p := range y.All() {
		err = errors.Join(err, fmt.Errorf("process %d was left", p.PID), p.Kill())
	}
	for _, dir := range []string{y.Data, y.dir} {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(path, 0o700) //nolint:gosec // a directory, of ours: the trees of releases are read-only
			}
			return nil
		})
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// Keep copies what tells why something went wrong to a folder that stays.
func (y *Yard) Keep() string {
	dir, err := os.MkdirTemp("", "slipway-faults-")
	if err != nil {
		return ""
	}
	for _, part := range []string{"logs", "process/ended"} {
		_ = os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(y.Data, part)))
	}
	for _, suffix := range []string{"", "-wal"} {
		if database, err := os.ReadFile(filepath.Join(y.Data, "slipway.db"+suffix)); err == nil {
			_ = os.WriteFile(filepath.Join(dir, "slipway.db"+suffix), database, 0o600)
		}
	}
	return dir
}

// Supervisor is the process of `slipway up`.
func (y *Yard) Supervisor() (Process, error) {
	all := y.find("cmdline", func(text string) bool {
		return strings.HasPrefix(text, y.Slipway+"\x00up\x00") && strings.Contains(text, y.Data)
	})
	if len(all) != 1 {
		return Process{}, fmt.Errorf("%d supervisors run", len(all))
	}
	return all[0], nil
}

// Leave ends `slipway up`, its server and its agent. Router and instances serve
// on.
func (y *Yard) Leave() error {
	p, err := y.Supervisor()
	if err != nil {
		return err
	}
	p.End(patience)
	return nil
}

// DoOn runs slipway on another data directory.
func (y *Yard) DoOn(ctx context.Context, data string, args ...string) (string, error) {
	other := *y
	other.Data = data
	return other.Do(ctx, y.dir, y.Slipway, args...)
}

// Another is the data directory of another server of the same database, which
// shares its images.
func (y *Yard) Another() (string, error) {
	y.others = filepath.Join(y.dir, "another")
	if err := os.MkdirAll(y.others, 0o700); err != nil {
		return "", err
	}
	token, err := os.ReadFile(filepath.Join(y.Data, "admin.token"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(y.others, "admin.token"), token, 0o600); err != nil {
		return "", err
	}
	return y.others, os.Symlink(filepath.Join(y.Data, "blobs"), filepath.Join(y.others, "blobs"))
}

// Use builds the programs, raises a yard of them for as long as do takes, and leaves
// nothing behind.
func Use(ctx context.Context, o Options, do func(*Yard) error) error {
	dir, err := os.MkdirTemp("", "slipway-yard-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	tools, err := Build(ctx, dir)
	if err != nil {
		return err
	}
	y, err := tools.Raise(ctx, o)
	if err != nil {
		return err
	}
	err = do(y)
	if end := y.End(); err == nil {
		err = end
	}
	return err
}
