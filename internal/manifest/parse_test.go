package manifest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

func TestReferenceIsAManifest(t *testing.T) {
	got, err := Parse("slipway.yaml", []byte(Reference()))
	if err != nil {
		t.Fatal(err)
	}
	want := slipway.Manifest{
		Service: "thoughts-backend",
		Kind:    slipway.Web,
		Owner:   "team-thoughts",
		Image: slipway.ImageSource{Static: &slipway.StaticImage{
			Files:      []slipway.ImageFile{{From: "thoughts-backend", To: "/thoughts-backend", Mode: 0o755}},
			Entrypoint: []string{"/thoughts-backend"},
		}},
		Run: slipway.Run{
			Command: []string{"/thoughts-backend"}, Port: 8000, Env: map[string]string{"LOG_LEVEL": "info"},
			Drain: 30 * time.Second, StopGrace: 10 * time.Second,
		},
		Health: slipway.Health{
			Ready: &slipway.Probe{HTTP: "/readyz", Failures: 1}, Live: &slipway.Probe{HTTP: "/healthz", Failures: 3},
			Deadline: 30 * time.Second,
		},
		Needs: []slipway.Need{{Service: "users-backend", AtLeast: 12}},
		Environments: map[slipway.EnvironmentName]slipway.Placement{
			"test": {Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}},
			"prod": {Replicas: 3, Rollout: slipway.Rollout{Strategy: slipway.Rolling}, Env: map[string]string{"LOG_LEVEL": "warn"}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// Nothing of the vocabulary is missing from the reference.
	for i := range reflect.TypeFor[slipway.Manifest]().NumField() {
		if reflect.ValueOf(got).Field(i).IsZero() {
			t.Errorf("the reference does not show %s", reflect.TypeFor[slipway.Manifest]().Field(i).Name)
		}
	}
}

func TestWorkerWithDefaults(t *testing.T) {
	got, err := Parse("slipway.yaml", []byte(`
service: mailer
kind: worker
image: { static: { files: [{ from: out/, to: / }], entrypoint: [/mailer, --quiet] } }
run: { env: { DEBUG: true, LEVEL: 3, EMPTY: "" } }
needs: { users-backend: , audit: any }
`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"DEBUG": "true", "LEVEL": "3", "EMPTY": ""}, got.Run.Env); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]slipway.Need{{Service: "audit"}, {Service: "users-backend"}}, got.Needs); d != "" {
		t.Error(d)
	}
	if got.Run.Drain != slipway.DefaultDrain || got.Run.StopGrace != slipway.DefaultStopGrace || got.Health.Deadline != slipway.DefaultDeadline {
		t.Errorf("defaults: %+v %+v", got.Run, got.Health)
	}
	if d := cmp.Diff(slipway.Placement{Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling}}, got.Environments["prod"]); d != "" {
		t.Error(d)
	}
	if f := got.Image.Static.Files[0]; f.From != "out" || f.To != "/" {
		t.Errorf("file: %+v", f)
	}
}

const good = `service: a
kind: web
image: { static: { files: [{ from: a, to: /a }], entrypoint: [/a] } }
run: { port: 8000 }
`

func TestProblems(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"misspelled, each told", strings.Replace(good, "run:", "helth: {}\nrun:", 1) + "environments:\n  prod:\n    replicas: three\n", []string{
			`4:1: unknown key "helth" in service a; did you mean "health"?`,
			`8:15: replicas must be a whole number from 1 to 1000, not "three"`,
		}},
		{"unknown in a section", good + "health: { wibble: 1 }", []string{
			`5:11: unknown key "wibble" in health; there are ready, live, deadline`,
		}},
		{"no port", "service: a\nkind: web\nimage: { static: { files: [{ from: a, to: /a }], entrypoint: [/a] } }\nrun: { drain: 1s }\n", []string{
			`4:6: a web service needs run.port, where it listens`,
		}},
		{"nothing", "", []string{`1:1: the file is empty`}},
		{"only a comment", "# todo\n", []string{`1:1: the file is empty`}},
		{"a list", "- a\n", []string{`1:1: the service must be a mapping of keys to values, not a list`}},
		{"not YAML", "service: a\nkind: [web\n", []string{`1:1: not YAML: did not find expected ',' or ']'`}},
		{"two documents", good + "---\nservice: b\n", []string{`5:1: a second document; one file holds one service`}},
		{"twice", good + "kind: worker\n", []string{`5:1: "kind" is there twice in service a, first on line 2`}},
		{"missing", "owner: me\n", []string{
			`1:1: service is missing; name it: service: thoughts-backend`,
			`1:1: kind is missing; write kind: web (takes traffic) or kind: worker (takes work)`,
			`1:1: image is missing; write image: { static: … }`,
		}},
		{"task", strings.Replace(good, "web", "task", 1), []string{`2:7: kind: task is not supported yet; there are web, worker`}},
		{"kind", strings.Replace(good, "web", "wbe", 1), []string{`2:7: there is no kind "wbe"; there are web, worker`}},
		{"name", strings.Replace(good, ": a", ": ../A", 1), []string{
			`1:10: "../A" cannot name a service; use 1 to 63 lower-case letters, digits and inner hyphens`,
		}},
		{"dockerfile", strings.Replace(good, "{ static: { files: [{ from: a, to: /a }], entrypoint: [/a] } }", "{ dockerfile: Dockerfile }", 1), []string{
			`3:22: dockerfile is not supported yet; use image.static, an image of built files`,
		}},
		{"escapes", strings.Replace(good, "from: a, to: /a", "from: ../../etc/passwd, to: a/b, mode: 4755", 1), []string{
			`3:36: from must be a path inside the repository, relative to slipway.yaml, not "../../etc/passwd"`,
			`3:58: to must be an absolute path in the image, not "a/b"`,
			`3:69: mode must be permission bits such as 0755, not "4755"`,
		}},
		{"escapes in the image", strings.Replace(good, "to: /a", "to: /a/../../b", 1), []string{
			`3:43: to must be an absolute path in the image, not "/a/../../b"`,
		}},
		{"nothing to start", strings.Replace(good, ", entrypoint: [/a]", "", 1), []string{
			`3:8: nothing says what to start; write image.static.entrypoint or run.command`,
		}},
		{"secrets", strings.Replace(good, "port: 8000", "port: 8000, secrets: [X]", 1), []string{
			`4:29: secrets is not supported yet; use run.env for what is no secret`,
		}},
		{"variables", strings.Replace(good, "port: 8000", `port: 8000, env: { "A-B": 1, SLIPWAY_X: 1, NONE: , L: [1], PORT: 1 }`, 1), []string{
			`4:27: "A-B" cannot name a variable; use letters, digits and _`,
			`4:37: SLIPWAY_X: names that begin with SLIPWAY_ are given by Slipway`,
			`4:57: NONE has no value; write NONE: ""`,
			`4:62: L must be a text, not a list`,
			`4:73: PORT is given by Slipway; run.port says where the service listens`,
		}},
		{"times", strings.Replace(good, "port: 8000", "port: 8000, drain: 30, stop_grace: 2h", 1) + "health: { deadline: 10ms }", []string{
			`4:27: drain must be a time from 0s to 1h, such as 30s or 1m30s, not "30"`,
			`4:43: stop_grace must be a time from 0s to 1h, such as 30s or 1m30s, not "2h"`,
			`5:21: deadline must be at least 1s, not "10ms"`,
		}},
		{"probes", good + "health: { ready: {}, live: { http: healthz, failures: 0 } }", []string{
			`5:18: health.ready needs http: the path to GET`,
			`5:36: health.live.http must be a path such as /readyz, not "healthz"`,
			`5:55: failures must be a whole number from 1 to 100, not "0"`,
		}},
		{"worker", strings.Replace(good, "web", "worker", 1) + "health: { ready: { http: / } }", []string{
			`4:6: a worker has no port; remove run.port, or write kind: web`,
			`5:9: a worker has no port to probe; remove health.ready and health.live`,
		}},
		{"a hasty worker", strings.Replace(strings.Replace(good, "web", "worker", 1), "run: { port: 8000 }", "health: { deadline: 1s }", 1), []string{
			`4:21: a worker is ready when it has run for a second; deadline must be at least 2s, not "1s"`,
		}},
		{"needs", good + `needs: { a: any, b: "~> 1.2", c: 3, D: any }`, []string{
			`5:8: a needs itself`,
			`5:21: semantic versions are not supported yet; write a release number, b: ">= 12", or any`,
			`5:34: needs must be a release number, c: ">= 12", or any, not "3"`,
			`5:37: "D" cannot name a service; use 1 to 63 lower-case letters, digits and inner hyphens`,
		}},
		{"environments", good + "environments: { production: {}, prod: { replicas: 0, strategy: canary }, test: { strategy: blue, canary: {} } }", []string{
			`5:17: no environment "production"; there are test, prod`,
			`5:51: replicas must be a whole number from 1 to 1000, not "0"`,
			`5:64: strategy canary is not supported yet; there are rolling, recreate`,
			`5:92: there is no strategy "blue"; there are rolling, recreate`,
			`5:106: canary is not supported yet; there are the strategies rolling, recreate`,
		}},
		{"merge", good + "environments: { test: &t { replicas: 1 }, prod: { <<: *t } }", []string{
			`5:51: merging with << is not supported; write the keys of environments.prod out`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("slipway.yaml", []byte(tc.text))
			if slipway.CodeOf(err) != slipway.Invalid {
				t.Fatalf("error %v, want Invalid", err)
			}
			want := ""
			for _, w := range tc.want {
				want += "slipway.yaml:" + w + "\n"
			}
			want += fmt.Sprintf("%d problem%s. The keys of slipway.yaml: slipway help manifest", len(tc.want), map[bool]string{true: "s"}[len(tc.want) > 1])
			if d := cmp.Diff(want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	if _, err := Parse("slipway.yaml", make([]byte, MaxBytes+1)); slipway.CodeOf(err) != slipway.TooLarge {
		t.Errorf("too large: %v", err)
	}
	_, err := Parse("slipway.yaml", []byte(strings.Repeat("a: 1\n", 1000)))
	if n := strings.Count(err.Error(), "\n"); n != yamldoc.MaxProblems || !strings.Contains(err.Error(), "50 problems or more") {
		t.Errorf("%d lines:\n%v", n, err)
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 8), c-1)
	}
	start := time.Now()
	if _, err := Parse("slipway.yaml", []byte(bomb)); slipway.CodeOf(err) != slipway.Invalid || time.Since(start) > time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func TestAliases(t *testing.T) {
	m, err := Parse("slipway.yaml", []byte(good+"environments: { test: &t { replicas: 2 }, prod: *t }"))
	if err != nil || m.Environments["prod"].Replicas != 2 {
		t.Errorf("%+v, %v", m.Environments, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Reference())
	f.Add("a: &a\n  b: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Parse("slipway.yaml", []byte(text)); err != nil && slipway.CodeOf(err) == slipway.Internal {
			t.Errorf("an error without a code: %v", err)
		}
	})
}
