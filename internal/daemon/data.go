package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-cd/slipway"
)

// Data is the data directory: everything one installation remembers on this
// machine. It is private to the user who runs Slipway.
type Data struct{ Dir string }

// DefaultDataDir is $XDG_DATA_HOME/slipway, else ~/.local/share/slipway.
func DefaultDataDir() (string, error) {
	if x := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(x) {
		return filepath.Join(x, "slipway"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", slipway.Errorf(slipway.Invalid, "no home directory to keep data in").Do("name one: --data DIR")
	}
	return filepath.Join(home, ".local", "share", "slipway"), nil
}

// OpenData makes the data directory if it is not there, mode 0700. An empty dir
// means the default one.
func OpenData(dir string) (Data, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDataDir(); err != nil {
			return Data{}, err
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Data{}, slipway.Errorf(slipway.Invalid, "data directory %s: %w", dir, err)
	}
	d := Data{Dir: abs}
	for _, sub := range []string{d.Dir, d.run(), d.servers(), d.logs(), d.tokens()} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return Data{}, slipway.Errorf(slipway.Invalid, "cannot make the data directory: %w", err).Do("name another: --data DIR")
		}
	}
	if err := os.Chmod(d.Dir, 0o700); err != nil {
		return Data{}, slipway.Errorf(slipway.Forbidden, "the data directory %s is not ours: %w", abs, err).Do("name another: --data DIR")
	}
	return d, nil
}

func (d Data) path(elem ...string) string {
	return filepath.Join(append([]string{d.Dir}, elem...)...)
}

func (d Data) run() string        { return d.path("run") }
func (d Data) logs() string       { return d.path("logs") }
func (d Data) tokens() string     { return d.path("tokens") }
func (d Data) database() string   { return "sqlite:" + d.path("slipway.db") }
func (d Data) blobs() string      { return d.path("blobs") }
func (d Data) instances() string  { return d.path("process") }
func (d Data) router() string     { return d.path("router") }
func (d Data) tmp() string        { return d.path("tmp") }
func (d Data) serverFile() string { return d.path("server.json") }
func (d Data) adminToken() string { return d.path("admin.token") }

func (d Data) agent(q slipway.Queue) string { return d.path("agents", fileName(string(q))) }

// tester is the directory of the agent of a queue that only tests.
func (d Data) tester(q slipway.Queue) string { return d.path("testers", fileName(string(q))) }

func (d Data) agentToken(q slipway.Queue) string {
	return filepath.Join(d.tokens(), "agent-"+fileName(string(q))+".token")
}

func (d Data) routerToken() string         { return filepath.Join(d.tokens(), "router.token") }
func (d Data) roleFile(role string) string { return filepath.Join(d.run(), fileName(role)+".json") }
func (d Data) roleLog(role string) string  { return filepath.Join(d.logs(), fileName(role)+".log") }

// sockets is where shims listen. The paths of unix sockets are short by
// nature (108 bytes), so it is not below the data directory but named after it.
func (d Data) sockets() string {
	sum := sha256.Sum256([]byte(d.Dir))
	name := "slipway-" + hex.EncodeToString(sum[:5])
	if x := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(x) && len(x) < 40 {
		return filepath.Join(x, name)
	}
	return filepath.Join("/tmp", fmt.Sprintf("%s-%d", name, os.Getuid()))
}

// fileName keeps a queue such as prod-corp:default out of trouble with paths.
func fileName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == ':' || c == '/' {
			b[i] = '+'
		}
	}
	return string(b)
}
