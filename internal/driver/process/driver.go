package process

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cgroup"
	"github.com/slipway-cd/slipway/internal/driver"
)

// Config is what a driver needs.
type Config struct {
	Dir        string   // where it keeps everything; made when missing
	RuntimeDir string   // where shims listen, a short path of ours alone; made when missing
	Images     Images   // where images come from
	Secrets    Secrets  // opens what instances are given; nil: there are none
	Shim       []string // a command that calls RunShim with the argument appended to it
	Log        *slog.Logger
	Patience   time.Duration // how long a shim may be silent; 0: 5 s. More than a second
}

// Driver runs instances as processes of this machine.
type Driver struct {
	dir, runtime string
	shim         []string
	secrets      Secrets
	log          *slog.Logger
	patience     time.Duration
	lock         *lockFile
	ledger       *ledger
	trees        *trees
	home         cgroup.Home // where the groups of instances are made
	homeless     error       // why they are not; nil: they are

	act sync.Mutex // one change at a time

	mu        sync.Mutex // guards what follows, and is never held while waiting
	instances map[slipway.InstanceID]*instance
	hints     map[*func(slipway.TargetID)]struct{}
	changed   chan struct{} // closed and replaced at each change
	nextPort  int
	running   context.Context // of Run, nil while it does not run
	followers sync.WaitGroup
}

var (
	_ driver.Driver   = (*Driver)(nil)
	_ driver.Observer = (*Driver)(nil)
	_ driver.Watcher  = (*Driver)(nil)
	_ driver.Recorder = (*Driver)(nil)
	_ driver.Limited  = (*Driver)(nil)
)

// instance is what the driver knows of one.
type instance struct {
	spec   Spec
	dir    string
	socket string // of its shim; its follower's alone

	cgroup    cgroup.Group  // of its processes
	ordered   time.Time     // when it was asked to stop; zero: it was not
	active    bool          // what it was ordered last, if it can be told
	report    Report        // the last one
	trouble   string        // with its shim; "" while that answers
	heard     chan struct{} // closed once report is of this driver's time
	conn      net.Conn      // to its shim, or nil
	started   *os.Process   // the shim that this driver has started, or nil
	shimEnded chan struct{} // closed when that has ended

	said  hearsay
	gauge gauge
}

const (
	defaultPatience = 5 * time.Second
	maxSocketPath   = 100 // the kernel takes 108, others 104
	socketName      = "/i-000000.sock"
)

// Open reads what is in c.Dir and starts nothing. Another driver on the same
// directory is a Conflict.
func Open(c Config) (*Driver, error) {
	dir, err := prepare(c.Dir)
	if err != nil {
		return nil, err
	}
	runtime, err := prepare(c.RuntimeDir)
	if err != nil {
		return nil, err
	}
	if len(runtime+socketName) > maxSocketPath {
		return nil, slipway.Errorf(slipway.Invalid, "%s is too long for the addresses of sockets", runtime).
			Do("Set XDG_RUNTIME_DIR to a shorter path.")
	}
	d := &Driver{
		dir: dir, runtime: runtime, shim: c.Shim, secrets: c.Secrets, log: c.Log, patience: c.Patience,
		ledger:    newLedger(filepath.Join(dir, "fences")),
		trees:     &trees{dir: filepath.Join(dir, "trees"), images: c.Images, bounds: defaultBounds},
		instances: map[slipway.InstanceID]*instance{},
		hints:     map[*func(slipway.TargetID)]struct{}{},
		changed:   make(chan struct{}),
		nextPort:  firstPort + rand.IntN(lastPort-firstPort+1),
	}
	if d.patience == 0 {
		d.patience = defaultPatience
	}
	d.home, d.homeless = cgroup.Own()
	for _, sub := range []string{"fences", "trees", "instances", "ended"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, explain("make "+dir, err)
		}
	}
	if d.lock, err = takeLock(filepath.Join(dir, "lock")); err != nil {
		return nil, err
	}
	if err := d.load(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.reserve().keep()
	return d, nil
}

func (d *Driver) reserve() reserve { return reserve{filepath.Join(d.dir, "reserve")} }

// Close gives up the directory. What runs in it runs on.
func (d *Driver) Close() error { return d.lock.Close() }

// prepare makes dir for us alone and resolves it, so that places can be compared.
func prepare(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", explain("make "+dir, err)
	}
	if err := ownedByUs(dir); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// load finds the instances that earlier drivers left, and clears away what
// they left half made or half removed.
func (d *Driver) load() error {
	for _, sub := range []string{"instances", "trees"} {
		halves, _ := filepath.Glob(filepath.Join(d.dir, sub, ".*"))
		for _, half := range halves {
			if err := removeTree(half); err != nil {
				return explain("clear away "+half, err)
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(d.dir, "instances"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		i, err := recallInstance(filepath.Join(d.dir, "instances", e.Name()))
		if err != nil {
			return err
		}
		d.instances[i.spec.ID] = i
	}
	d.sweepSecrets()
	return d.pruneLogs(time.Now())
}

func recallInstance(dir string) (*instance, error) {
	i := &instance{dir: dir, heard: make(chan struct{})}
	if err := loadJSON(filepath.Join(dir, specFile), &i.spec); err != nil {
		return nil, slipway.Errorf(slipway.Internal, "the instance in %s cannot be read: %w", dir, err).
			Do("End its processes and remove that directory.")
	}
	i.socket, i.cgroup = i.spec.Socket, i.spec.Cgroup
	var err error
	if i.active, err = i.spec.isActive(dir); err != nil {
		return nil, slipway.Errorf(slipway.Internal, "the order to the instance in %s cannot be read: %w", dir, err).
			Do("Remove %s in there; it is given again.", activityFile)
	}
	if info, err := os.Stat(filepath.Join(dir, stopFile)); err == nil {
		i.ordered = info.ModTime()
	}
	_ = loadJSON(filepath.Join(dir, stateFile), &i.report) // its shim knows better
	if i.report.Phase == slipway.InstanceStopped {
		close(i.heard)
	}
	return i, nil
}

// Run listens to the shims, starts those that are missing and replaces those
// that do not answer, until ctx ends. What runs, runs on.
func (d *Driver) Run(ctx context.Context) error {
	if d.homeless != nil {
		d.log.Info("instances have no control groups", "why", d.homeless)
	}
	d.mu.Lock()
	d.running = ctx
	for _, i := range d.instances {
		d.followLocked(i)
	}
	d.mu.Unlock()
	<-ctx.Done()
	d.mu.Lock()
	d.running = nil
	d.mu.Unlock()
	d.followers.Wait()
	return nil
}
