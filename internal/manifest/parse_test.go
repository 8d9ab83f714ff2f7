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
			Command: []string{"/thoughts-backend"}, Port: 8000, Env: map[string]string{"LOG_LEVEL": "info", "REDIS_URL": "redis://127.0.0.1:6379"},
			Secrets:  []slipway.SecretUse{{Name: "DATABASE_URL"}, {Name: "SIGNING_KEY", File: true}},
			Protocol: slipway.HTTP1, Sticky: true,
			Drain: 30 * time.Second, StopGrace: 10 * time.Second,
		},
		Health: slipway.Health{
			Startup:   &slipway.Probe{TCP: true, Failures: 30},
			Ready:     &slipway.Probe{HTTP: "/readyz", Period: time.Second, Timeout: time.Second, Successes: 1, Failures: 1},
			Live:      &slipway.Probe{HTTP: "/healthz", Timeout: 3 * time.Second, Failures: 3},
			Preflight: []slipway.Check{{Name: "sessions", Redis: "${REDIS_URL}"}, {TCP: "127.0.0.1:9000"}},
			Deadline:  30 * time.Second,
		},
		Needs: []slipway.Need{{Service: "users-backend", AtLeast: 12}},
		Environments: map[slipway.EnvironmentName]slipway.Placement{
			"test": {Replicas: 1, Rollout: slipway.Rollout{Strategy: slipway.Rolling, Surge: 1, Step: 1}},
			"prod": {Replicas: 3, Env: map[string]string{"LOG_LEVEL": "warn"}, Rollout: slipway.Rollout{
				Strategy: slipway.Canary, Weights: []slipway.BasisPoints{100, 1000, 5000}, Hold: 5 * time.Minute, Bake: 10 * time.Minute,
				KeepOld: 10 * time.Minute, Instances: 1,
				Preview: &slipway.Preview{Command: "ci/bin/integration-test", Timeout: 10 * time.Minute},
				Evidence: &slipway.Evidence{
					Rollback: slipway.Bound{Ratio: 1.2, Error: 0.01}, Promote: slipway.Bound{Ratio: 1.5, Margin: 0.0025, Error: 0.05},
					Latency: 4, LatencyFloor: 2 * time.Millisecond, Settle: 5 * time.Second, MinRequests: 300, MaxHold: 2 * time.Hour, SLO: 0.01,
				},
			}},
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
	if len(got.Environments) != 0 {
		t.Errorf("environments that nobody wrote: %+v", got.Environments)
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
			`5:11: unknown key "wibble" in health; there are startup, ready, live, preflight, deadline`,
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
			`1:1: kind is missing; write kind: web (takes traffic, at run.port) or kind: worker (takes work)`,
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
		{"secrets", strings.Replace(good, "port: 8000", "port: 8000, secrets: X", 1), []string{
			`4:29: run.secrets must be a list, not "X"`,
		}},
		{"secrets, one by one", strings.Replace(good, "port: 8000", "port: 8000, env: { B: x, F_FILE: y }, secrets: [1A, A, A, B, { name: F, as: file }, { as: env }, { name: G, as: tape }, SLIPWAY_X]", 1), []string{
			`4:30: B is given by the secret B; remove one of them`,
			`4:41: F_FILE is given by the secret F; remove one of them`,
			`4:56: "1A" cannot name a variable; use letters, digits and _`,
			`4:63: the secret A is there twice`,
			`4:92: a secret needs a name: { name: DATABASE_URL, as: file }`,
			`4:120: there is no way "tape" to give a secret; there are env, file`,
			`4:128: SLIPWAY_X: names that begin with SLIPWAY_ are given by Slipway`,
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
			`5:18: health.ready says not how to ask; write one of http: /path, tcp: true, exec: [command], grpc: true`,
			`5:36: health.live.http must be a path such as /readyz, not "healthz"`,
			`5:55: failures must be a whole number from 1 to 1000, not "0"`,
		}},
		{"ways to probe", good + "health:\n  startup: { tcp: false, period: 1ms }\n  ready: { http: /, grpc: true, timeout: 1h }\n  live: { exec: [], successes: 2 }\n", []string{
			`6:19: health.startup.tcp must be true; to ask in another way, write one of http, exec, grpc`,
			`6:34: period must be at least 100ms, not "1ms"`,
			`7:10: health.ready can ask in one way only, not by http and grpc`,
			`7:42: timeout must be a time from 0s to 5m, such as 30s or 1m30s, not "1h"`,
			`8:17: health.live.exec must begin with the program to start`,
			`8:21: unknown key "successes" in health.live; there are http, tcp, exec, grpc, delay, period, timeout, failures`,
		}},
		{"preflight", strings.Replace(good, "port: 8000", "port: 8000, env: { REDIS_URL: x }", 1) +
			"needs: { users-backend: any }\nenvironments: { prod: { env: { DSN: y } } }\nhealth:\n  preflight:\n" +
			"  - { redis: \"${REDIS_URL}\" }\n  - { http: \"${USERS_BACKEND_URL}/healthz\" }\n  - { postgres: \"postgres://${DSN}\" }\n" +
			"  - { amqp: \"${AMQP_URL}\" }\n  - { tcp: nowhere, http: \"ftp://x\" }\n  - { name: nothing }\n  - { s3: \"s3://b/${OPEN\" }\n", []string{
			`12:13: nothing gives the variable AMQP_URL; name it in run.env, run.secrets or needs`,
			`13:5: a check of health.preflight checks one thing, not tcp and http; write one check for each`,
			`13:12: tcp must be an address such as 10.0.3.7:9000, or a variable that holds one: ${TCP_URL}`,
			`13:27: http must be an address such as http://10.0.3.7/healthz, or a variable that holds one: ${HTTP_URL}`,
			`14:5: a check of health.preflight says not what to check; write one of tcp, http, redis, amqp, postgres, s3`,
			`15:11: "${OPEN" is not closed; write ${OPEN}`,
		}},
		{"how it runs", strings.Replace(good, "port: 8000", "port: 8000, protocol: http3, sticky: perhaps, passive: true", 1), []string{
			`4:30: there is no protocol "http3"; there are http1, h2c (HTTP/2 without TLS)`,
			`4:45: sticky must be true or false, not "perhaps"`,
			`4:63: passive is for workers; a web service without traffic is idle by itself`,
		}},
		{"strategies", good + `environments:
  prod: { replicas: 3, strategy: rolling, rolling: { surge: 1, step: 2 }, canary: {} }
  test: { replicas: 3, strategy: canary, canary: { weights: [10%, 5%, 0%, 100%, 200%, 0.125%, 7], detach: 3, instances: 4, keep_old: 48h } }
`, []string{
			`6:61: surge must be at least step, 2: so many start before as many end`,
			`6:83: canary does nothing with strategy: rolling; write strategy: canary, or remove canary`,
			`7:67: weights must rise: 5% comes after 10%`,
			`7:71: weights[2] must be between 0% and 100%, not "0%"`,
			`7:75: weights[3] must be below 100%, which comes last by itself`,
			`7:81: weights[4] must be between 0% and 100%, not "200%"`,
			`7:87: weights[5] must be a percentage such as 10% or 0.25%, not "0.125%"`,
			`7:95: weights[6] must be a percentage such as 10% or 0.25%, not "7"`,
			`7:107: detach must be less than replicas, 3: somebody has to go on serving`,
			`7:121: instances must be at most replicas, 3, not 4`,
			`7:134: keep_old must be a time from 0s to 24h, such as 30s or 1m30s, not "48h"`,
		}},
		{"previews", good + `environments:
  prod: { strategy: immutable, immutable: { preview: { queue: "Not One", timeout: 1ms } } }
  test: { immutable: { bake: 1m } }
`, []string{
			`6:54: environments.prod.immutable.preview needs command: what tests the candidate at $SLIPWAY_PREVIEW_URL`,
			`6:63: "Not One" cannot name a queue; use 1 to 63 lower-case letters, digits and inner hyphens`,
			`6:83: timeout must be at least 1s, not "1ms"`,
			`7:22: immutable does nothing without strategy: immutable; write that in environments.test, or remove immutable`,
		}},
		{"evidence", good + `environments:
  prod: { strategy: canary, canary: { evidence: { rollback: { ratio: 0.9 }, promote: { ratio: no, margin: 1, beta: 30% }, latency: 9, max_hold: 3y } } }
  test: { strategy: canary, canary: { evidence: { promote: { ratio: 1.1, margin: 0.5% }, queries: [{ name: a, prometheus: "http://me:pw@x", all: b }] } } }
`, []string{
			`6:70: environments.prod.canary.evidence: rollback.ratio must be from 1 to 10, not 0.9`,
			`6:95: environments.prod.canary.evidence.promote.ratio must be a number such as 1.2, not "no"`,
			`6:107: environments.prod.canary.evidence.promote.margin must be a percentage such as 1% or 0.25%, not "1"`,
			`6:116: environments.prod.canary.evidence: promote.beta must be from 0.0001 % to 20 %, not 30 %`,
			`6:132: environments.prod.canary.evidence.latency must be a percentage such as 1% or 0.25%, not "9"`,
			`6:145: max_hold must be a time from 0s to 720h, such as 30s or 1m30s, not "3y"`,
			`7:69: environments.test.canary.evidence: promote.ratio must not be below rollback.ratio (1.2), or what is as good as before is never decided on; it is 1.1`,
			`7:100: environments.test.canary.evidence.queries[0] needs failed`,
			`7:123: environments.test.canary.evidence.queries[0].prometheus must be a URL such as http://127.0.0.1:9090, without name, password or query`,
		}},
		{"evidence that decides nothing", good + `environments:
  prod: { strategy: canary, canary: { evidence: { promote: { ratio: 1.1, margin: 0% }, rollback: { margin: 1% }, latency: 1%, slo: 0% } } }
  test: { strategy: immutable, immutable: { bake: 1m, evidence: { rollback: { alpha: 30%, ratio: 11 }, latency: 400% } } }
`, []string{
			`6:69: environments.prod.canary.evidence: promote.ratio must not be below rollback.ratio (1.2), or what is as good as before is never decided on; it is 1.1`,
			`6:82: environments.prod.canary.evidence: promote.margin must not be below rollback.margin (1 %), or what is as good as before is never decided on; it is 0 %`,
			`6:123: environments.prod.canary.evidence: latency must be from 2.19 % to 300 %`,
			`6:132: environments.prod.canary.evidence: slo must be above 0 % and below 100 %, not 0 %`,
			`7:86: environments.test.immutable.evidence: rollback.alpha must be from 0.0001 % to 20 %, not 30 %`,
			`7:98: environments.test.immutable.evidence: rollback.ratio must be from 1 to 10, not 11`,
			`7:113: environments.test.immutable.evidence: latency must be from 2.19 % to 300 %`,
		}},
		{"queries that tell nothing", good + `environments:
  prod: { strategy: canary, canary: { evidence: { queries: [{ name: a, prometheus: "http://p:9090", failed: f, all: 'a{release="$release"}' }] } } }
  test: { strategy: canary, canary: { evidence: { queries: [{ name: errors, prometheus: "http://p", failed: $release, all: $release }] } } }
`, []string{
			`6:60: environments.prod.canary.evidence: query a must name $release in failed and in all, or both groups would seem to be alike`,
			`7:60: environments.test.canary.evidence: a query must not be named errors, as what routers count is`,
		}},
		{"one query twice", good + `environments:
  prod: { strategy: canary, canary: { evidence: { queries: [{ name: a, prometheus: "http://p", failed: $release, all: $release }, { name: a, prometheus: "http://p", failed: $release, all: $release }] } } }
`, []string{
			`6:60: environments.prod.canary.evidence: two queries are named a`,
		}},
		{"what workers cannot have", `service: a
kind: worker
image: { static: { files: [{ from: a, to: /a }], entrypoint: [/a] } }
run: { protocol: h2c, sticky: true }
health: { ready: { exec: [/check] }, live: { tcp: true } }
environments:
  prod: { strategy: canary, canary: { preview: x } }
`, []string{
			`4:18: protocol is for web services; a worker takes no traffic`,
			`4:31: sticky is for web services; a worker takes no traffic`,
			`5:51: a worker has no port to probe; write health.live.exec, or remove health.live`,
			`7:21: a worker can be a canary only when it can be told to wait; write run.passive: true and heed SLIPWAY_ACTIVE, or strategy: rolling`,
			`7:48: a worker has no address that tests before traffic could ask; remove preview`,
		}},
		{"worker", strings.Replace(good, "web", "worker", 1) + "health: { ready: { http: / } }", []string{
			`4:6: a worker has no port; remove run.port, or write kind: web`,
			`5:26: a worker has no port to probe; write health.ready.exec, or remove health.ready`,
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
			`5:92: there is no strategy "blue"; there are rolling, immutable, canary, recreate`,
		}},
		{"merge", good + "environments: { test: &t { replicas: 1 }, prod: { <<: *t } }", []string{
			`5:51: merging with << is not supported; write the keys of environments.prod out`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseFor(slipway.BuiltinEnvironments, "slipway.yaml", []byte(tc.text))
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

// The form that people know best.
func TestCanaryOnOneLine(t *testing.T) {
	m, err := Parse("slipway.yaml", []byte(good+`environments:
  test:    { replicas: 1, strategy: rolling }
  staging: { replicas: 3, strategy: immutable }
  prod:    { replicas: 3, strategy: canary, canary: { weights: [0.25%, 10 %, 50%], preview: ci/bin/integration-test }, env: { LOG_LEVEL: warn } }
`))
	if err != nil {
		t.Fatal(err)
	}
	want := slipway.Rollout{
		Strategy: slipway.Canary, Weights: []slipway.BasisPoints{25, 1000, 5000}, Hold: slipway.DefaultHold,
		Preview: &slipway.Preview{Command: "ci/bin/integration-test", Timeout: slipway.DefaultPreviewTimeout}, Evidence: defaultEvidence(),
	}
	if d := cmp.Diff(want, m.Environments["prod"].Rollout); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(slipway.Rollout{Strategy: slipway.Immutable, KeepOld: slipway.DefaultKeepOld}, m.Environments["staging"].Rollout); d != "" {
		t.Error(d)
	}
}

// What is enough to be promoted is never less than what is tolerated, unless
// somebody says so.
func TestWhoToleratesMoreNeedsNoMoreToBeShown(t *testing.T) {
	m, err := Parse("slipway.yaml", []byte(good+"environments: { prod: { strategy: canary, canary: { evidence: { rollback: { ratio: 3, margin: 1% } } } } }"))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Environments["prod"].Evidence.Promote; got.Ratio != 3 || got.Margin != .01 {
		t.Errorf("promoted at %g times + %g", got.Ratio, got.Margin)
	}
}

func TestWorkerThatCanBeTold(t *testing.T) {
	m, err := Parse("slipway.yaml", []byte(`service: a
kind: worker
image: { static: { files: [{ from: a, to: /a }], entrypoint: [/a] } }
run: { passive: true }
health: { ready: { exec: [/a, check] } }
environments: { prod: { replicas: 4, strategy: canary, canary: { weights: [50%], hold: 1m } } }
`))
	if err != nil || !m.Run.Passive || m.Environments["prod"].Hold != time.Minute || len(m.Health.Ready.Exec) != 2 {
		t.Errorf("%+v, %v", m, err)
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
