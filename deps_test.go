package slipway_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/slipway-cd/slipway"

// may says which of our own packages a package may import: besides itself, and
// nothing else. A name that ends in /... stands for all below it as well. The
// first line that matches a package counts.
//
// Wings (build, deploy, driver, router, protocol, state, server) never appear in
// each other's lines: they meet in daemon, through interfaces that belong to the
// one who calls, and so each can be understood, tested and replaced alone.
var may = []struct{ name, imports, why string }{
	{".", "", "the vocabulary: everybody reads it, it needs nobody"},
	{"api", "", "promises compatibility: its structs are its own, so that ours may change"},
	{"cmd/slipway", "internal/cli internal/daemon", "main only starts a role"},
	{"bench", "bench/...", "main only names the benchmark"},
	{"bench/router", ". bench/peers internal/router internal/router/wire", "measures one part, with nothing else around it"},
	{"bench/deploy", "api internal/load test/faults/yard", "measures the whole from outside"},
	{"bench/trial", "api internal/load test/faults/yard", "measures the whole from outside"},
	{"bench/idle", ". internal/deploy/controller internal/driver/drivertest internal/state/...", "measures the server alone, around a driver in memory"},
	{"bench/canary", ". internal/deploy/evidence", "plays releases to the judge alone"},
	{"bench/...", "", "what peers are told"},
	{"examples/...", "", "built by themselves, offline, as somebody else's services"},

	{"internal/ansi", "", "a leaf: text in, text out"},
	{"internal/cgroup", "", "a leaf: what the kernel keeps together"},
	{"internal/load", "", "a leaf: asks, and counts what is lost"},
	{"internal/doctor", ". api", "asks as anybody would; what it looks at is handed to it"},
	{"internal/logline", ".", "a leaf: what was printed in, what is wrong out"},
	{"internal/procid", ".", "a leaf: what the kernel says of a process"},
	{"internal/outbound", ".", "a leaf: where what people name may lead"},
	{"internal/prometheustest", "", "a leaf, for tests only: a real Prometheus server"},
	{"internal/redact", "", "a leaf: bytes in, bytes out"},
	{"internal/baddisk", "", "a leaf, for tests only: a disk that fails"},
	{"internal/smalldisk", "", "a leaf, for tests only: a disk that is soon full"},
	{"internal/yamldoc", ".", "a leaf: text in, nodes and problems out"},
	{"internal/manifest", ". internal/yamldoc", "a file becomes vocabulary"},

	{"internal/build/pipeline", ". internal/yamldoc", "pure: a file becomes steps"},
	{"internal/build/dispatch", ". internal/build/pipeline", "decides with the pipeline, asks for the rest"},
	{"internal/build/agent", ". api internal/cgroup internal/procid internal/redact", "runs far from the server: it speaks protocols, not Go"},
	{"internal/build/image", ".", "runs in a job, far from the server"},

	{"internal/deploy/rollout", ".", "pure: the planner must be the same in the simulation"},
	{"internal/deploy/evidence", ".", "pure: a verdict must be found again from what was counted"},
	{"internal/deploy/controller", ". internal/deploy/evidence internal/deploy/rollout", "drivers, routers and stores are interfaces to it"},
	{"internal/deploy/prometheus", ". internal/deploy/evidence", "asks others what they count; who may be asked is handed to it"},
	{"internal/deploy/placebo", ". internal/deploy/evidence", "what routers count is an interface to it"},
	{"internal/deploy/retention", ".", "pure: what may go must not depend on when it is looked at"},
	{"internal/deploy/collector", ". internal/deploy/retention", "what it sweeps is interfaces to it"},
	{"internal/deploy/platform", ".", "what people say, kept for those who decide by it"},
	{"internal/sim", ". internal/deploy/...", "a world of fakes: nothing real gets in"},

	{"internal/driver", ".", "the interface alone"},
	{"internal/driver/drivertest", ". internal/driver", "any driver must pass it, so it knows none"},
	{"internal/driver/preflight", ".", "a leaf: asks strangers whether they answer"},
	{"internal/driver/...", ". internal/driver internal/driver/preflight internal/cgroup internal/logline internal/procid internal/redact", "drivers do not know each other"},

	{"internal/router/...", ". internal/router/... internal/procid", "serves without the server, and starts without its weight"},

	{"internal/protocol/...", ".", "protocols do not know each other, nor what is behind them"},

	{"internal/state/store/storetest", ". internal/state/store", "the suite of both databases"},
	{"internal/state/...", ".", "keeps what it is given"},

	{"internal/server/view", ". api internal/ansi internal/redact internal/deploy/evidence", "shows a verdict by finding it again, as anybody could: that wing's pure part"},
	{"internal/server/...", ". api internal/ansi internal/redact internal/server/...", "shows what it is given"},

	{"internal/cli", ". api internal/ansi internal/manifest internal/build/pipeline internal/deploy/evidence", "a client: what it does, anybody can do over HTTP, or by the same arithmetic"},
	{"internal/demo", ". api examples internal/load", "sees Slipway from outside, as a person would"},
	{"internal/daemon", "./...", "the only place that knows everyone"},

	{"test/faults/gauge", "", "a service, as a stranger would write it"},
	{"test/faults/...", ". api internal/baddisk internal/load internal/procid internal/smalldisk test/faults/...", "real processes, seen and hurt from outside"},
}

// pure packages receive now and return values.
var pure = []string{".", "internal/ansi", "internal/logline", "internal/redact", "internal/yamldoc", "internal/build/pipeline", "internal/deploy/evidence", "internal/deploy/rollout", "internal/deploy/retention"}

// impure is what they import none of: files, sockets, processes, databases, logs
// and chance.
var impure = []string{"os", "os/...", "io/fs", "io/ioutil", "path/filepath", "net", "net/http/...", "net/rpc/...", "net/smtp", "syscall",
	"database/sql/...", "log", "log/...", "math/rand/...", "crypto/rand", "golang.org/x/sys/..."}

// clocks are what they call none of.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer"}

// only says who imports a package of others: one place that knows it.
var only = []struct{ imported, by, why string }{
	{"database/sql/...", "internal/state/store/...", "one package owns all SQL"},
	{"modernc.org/...", "internal/state/store/...", "one package owns all SQL"},
	{"github.com/jackc/...", "internal/state/store/... internal/driver/preflight", "one package owns all SQL; a check before traffic asks others' servers for SELECT 1"},
	{"github.com/pressly/...", "internal/state/store/...", "one package owns all SQL"},
	{"github.com/spf13/...", "internal/cli internal/daemon internal/demo", "flags and arguments end where the roles begin"},
}

// nameless are names that say nothing, and so collect everything.
var nameless = []string{"base", "common", "helper", "helpers", "lib", "manager", "managers", "misc", "service", "services", "shared", "types", "util", "utils"}

type listed struct {
	ImportPath string
	Dir        string
	Standard   bool
	Imports    []string
	GoFiles    []string
}

func TestDependencies(t *testing.T) {
	ours, standard := list(t)
	for _, p := range ours {
		t.Run(p.name(), func(t *testing.T) {
			checkOurs(t, p)
			checkOthers(t, p, standard)
			if slices.Contains(pure, p.name()) {
				checkPure(t, p)
			}
			if slices.Contains(nameless, path.Base(p.name())) {
				t.Errorf("the name %q says nothing; name what it holds", path.Base(p.name()))
			}
		})
	}
}

func checkOurs(t *testing.T, p listed) {
	i := slices.IndexFunc(may, func(m struct{ name, imports, why string }) bool { return match(m.name, p.name()) })
	if i < 0 {
		t.Fatalf("say in deps_test.go what %s may import, and why", p.name())
	}
	for _, imported := range p.Imports {
		name, isOurs := own(imported)
		if !isOurs || name == p.name() {
			continue
		}
		if !slices.ContainsFunc(strings.Fields(may[i].imports), func(m string) bool { return match(m, name) }) {
			t.Errorf("imports %s, but may import only [%s]: %s", name, may[i].imports, may[i].why)
		}
		if strings.HasSuffix(name, "test") && !strings.HasSuffix(p.name(), "test") && !match("bench/...", p.name()) { // a benchmark is a test
			t.Errorf("imports %s, which is for tests", name)
		}
	}
}

func checkOthers(t *testing.T, p listed, standard map[string]bool) {
	for _, imported := range p.Imports {
		if _, isOurs := own(imported); isOurs {
			continue
		}
		if (p.name() == "." || p.name() == "api") && !standard[imported] {
			t.Errorf("imports %s, but nothing outside the standard library: whoever imports us gets no more than us", imported)
		}
		for _, o := range only {
			if match(o.imported, imported) && !slices.ContainsFunc(strings.Fields(o.by), func(m string) bool { return match(m, p.name()) }) {
				t.Errorf("imports %s, which only %s may: %s", imported, o.by, o.why)
			}
		}
	}
}

func checkPure(t *testing.T, p listed) {
	for _, imported := range p.Imports {
		if slices.ContainsFunc(impure, func(m string) bool { return match(m, imported) }) {
			t.Errorf("imports %s, but is pure: the same input must give the same output", imported)
		}
	}
	for _, name := range p.GoFiles {
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, isSelector := n.(*ast.SelectorExpr); isSelector && slices.Contains(clocks, s.Sel.Name) {
				if x, isName := s.X.(*ast.Ident); isName && x.Name == "time" {
					t.Errorf("%s: reads the clock, but is pure: it is given now", files.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// list runs go list once. Standard tells the packages of the standard library.
func list(t *testing.T) (ours []listed, standard map[string]bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,Standard,Imports,GoFiles", "./...")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	standard = map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return ours, standard
		}
		if err != nil {
			t.Fatal(err)
		}
		standard[p.ImportPath] = p.Standard
		if _, isOurs := own(p.ImportPath); isOurs {
			ours = append(ours, p)
		}
	}
}

func (p listed) name() string {
	name, _ := own(p.ImportPath)
	return name
}

// own is the name of a package within our module.
func own(importPath string) (name string, isOurs bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// match reports whether a name is meant by a pattern: itself, or with /... at
// its end all below it, too.
func match(pattern, name string) bool {
	above, all := strings.CutSuffix(pattern, "/...")
	return name == above || all && (above == "." || strings.HasPrefix(name, above+"/"))
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{".", ".", true}, {".", "api", false}, {"./...", "api", true}, {"./...", ".", true},
		{"a", "a", true}, {"a", "a/b", false}, {"a/...", "a", true}, {"a/...", "a/b/c", true}, {"a/...", "ab", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}
