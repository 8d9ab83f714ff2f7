package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway"
)

var ground = Ground{Drivers: []string{"process"}, Shared: true}

func TestEnvironmentsReference(t *testing.T) {
	got, err := ParseEnvironments("environments.yaml", []byte(EnvironmentsReference()), ground)
	if err != nil {
		t.Fatal(err)
	}
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	want := slipway.Environments{
		{Name: "test", Driver: "process", Queue: "test"},
		{
			Name: "prod", Previous: "test", Driver: "process", Queue: "production",
			Listener:  &slipway.Listener{Address: "127.0.0.1:8443", Domain: "prod.example.com", Cert: "/etc/slipway/prod.pem", Key: "/etc/slipway/prod.key"},
			Approvals: slipway.Approvals{Count: 1, Role: slipway.Deployer, NotAuthor: true},
			Freezes: []slipway.Freeze{
				{Why: "weekend", Zone: "Europe/Zurich", Weekly: &slipway.Weekly{From: slipway.Moment{Day: time.Friday, Minute: 960}, Until: slipway.Moment{Day: time.Monday, Minute: 480}}},
				{Why: "the year's end", Zone: "Europe/Zurich", From: time.Date(2026, 12, 23, 18, 0, 0, 0, zurich), Until: time.Date(2027, 1, 4, 8, 0, 0, 0, zurich)},
			},
			Defaults: slipway.Placement{Replicas: 2, Rollout: slipway.Rollout{Strategy: slipway.Rolling}},
		},
	}
	got[1].Defaults.Surge, got[1].Defaults.Step = 0, 0 // what rolling leaves open
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBuiltinEnvironments(t *testing.T) {
	got, err := ParseEnvironments("environments.yaml", []byte(BuiltinEnvironments), ground)
	if d := cmp.Diff(slipway.BuiltinEnvironments, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestEnvironmentsAreInTheOrderOfReleases(t *testing.T) {
	got, err := ParseEnvironments("e", []byte("environments: { prod: { previous: stage }, eu: { previous: stage }, stage: { previous: test }, test: }"), ground)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range got {
		names = append(names, string(e.Name))
	}
	if way := strings.Join(names, " "); way != "test stage prod eu" {
		t.Errorf("the way is %s", way)
	}
}

func TestProblemsOfEnvironments(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{`1:1: the file is empty`}},
		{"no environments", "test: {}", []string{
			`1:1: unknown key "test" in the file; there are environments`,
			`1:1: environments is missing; write environments: { test: {} }`,
		}},
		{"none", "environments: {}", []string{`1:15: there has to be an environment`}},
		{"keys", "environments:\n  Test: {}\n  prod: { drvier: process, queue: A B, driver: dokcer, protected: maybe }", []string{
			`2:3: "Test" cannot name an environment; use 1 to 63 lower-case letters, digits and inner hyphens`,
			`3:11: unknown key "drvier" in environments.prod; did you mean "driver"?`,
			`3:35: "A B" cannot name a queue; use 1 to 63 lower-case letters, digits and inner hyphens`,
			`3:48: there is no driver "dokcer"; there are process`,
			`3:67: protected must be true or false, not "maybe"`,
		}},
		{"the way", "environments: { test: { previous: prod }, prod: { previous: test }, stage: { previous: tset } }", []string{
			`1:35: test comes after itself, by way of prod; a release has to begin somewhere`,
			`1:61: prod comes after itself, by way of test; a release has to begin somewhere`,
			`1:88: no environment "tset"; did you mean "test"?`,
		}},
		{"shared", "environments: { test: { queue: q, listener: { address: \":80\", domain: a } }, prod: { queue: q, listener: { address: \":80\", domain: b } } }", []string{
			`1:93: queue of prod: its jobs may deploy to test; each environment has a queue of its own`,
			`1:106: listener of prod: its address belongs to test; environments do not share a door`,
		}},
		{"protected", "environments: { prod: { protected: true } }", []string{
			`1:36: prod cannot be protected here: the server, jobs and instances run as one user (single-user mode), so whoever can push could reach it; remove protected, or run them as users of their own`,
		}},
		{"listener", "environments: { prod: { listener: { address: 80, domain: a_b, cert: x } }, test: { listener: {} } }", []string{
			`1:35: environments.prod.listener needs cert and key, or neither`,
			`1:46: address must be HOST:PORT, such as 0.0.0.0:443, not "80"`,
			`1:58: domain must be a host name, such as prod.example.com, not "a_b"`,
			`1:69: cert must be an absolute path on the routers' machines, not "x"`,
			`1:94: environments.test.listener needs address; write { address: 0.0.0.0:443, domain: prod.example.com }`,
			`1:94: environments.test.listener needs domain; write { address: 0.0.0.0:443, domain: prod.example.com }`,
		}},
		{"approvals", "environments: { prod: { approvals: { count: many, role: boss } } }", []string{
			`1:45: count must be a whole number from 0 to 20, not "many"`,
			`1:57: there is no role "boss"; there are viewer, deployer, admin`,
		}},
		{"freezes", `environments:
  prod:
    freezes:
    - { why: a, zone: Europe/Zurch, weekly: Fri 16:00 – Mon 08:00 }
    - { weekly: Fri 16:00 - Fri 16:00 }
    - { why: a, weekly: Fry 16:00 - Mon 25:00 }
    - { why: b, from: tomorrow, until: 2026-01-01 }
    - { why: c, from: 2026-01-02, until: 2026-01-01 10:00 }
    - { why: d, from: 2026-01-02, weekly: now }
    - { why: e }
`, []string{
			`4:23: there is no time zone "Europe/Zurch"; write its IANA name, such as Europe/Zurich`,
			`5:7: environments.prod.freezes: why is missing; people will read it while they wait`,
			`5:17: weekly ends when it begins: "Fri 16:00 - Fri 16:00"`,
			`6:7: there is a freeze for "a" already; say why in other words`,
			`6:25: weekly names a day or a time that does not exist: "Fry 16:00 - Mon 25:00"; write Mon to Sun and 00:00 to 23:59`,
			`7:23: from must be a time such as 2026-12-23 18:00, not "tomorrow"`,
			`8:42: until must come after from`,
			`9:7: environments.prod.freezes: a freeze is once (from, until) or weekly, not both`,
			`9:43: weekly must be a part of the week, such as Fri 16:00 – Mon 08:00, not "now"`,
			`10:7: environments.prod.freezes needs from and until, or weekly: Fri 16:00 – Mon 08:00`,
		}},
		{"defaults", "environments: { prod: { defaults: { replicas: 0, stratgy: canary } } }", []string{
			`1:47: replicas must be a whole number from 1 to 1000, not "0"`,
			`1:50: unknown key "stratgy" in environments.prod.defaults; did you mean "strategy"?`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseEnvironments("environments.yaml", []byte(tc.text), ground)
			if slipway.CodeOf(err) != slipway.Invalid {
				t.Fatalf("error %v, want Invalid", err)
			}
			want := ""
			for _, w := range tc.want {
				want += "environments.yaml:" + w + "\n"
			}
			want += fmt.Sprintf("%d problem%s. The keys of environments.yaml: slipway help environments.yaml", len(tc.want), map[bool]string{true: "s"}[len(tc.want) > 1])
			if d := cmp.Diff(want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func FuzzParseEnvironments(f *testing.F) {
	f.Add(EnvironmentsReference())
	f.Add("environments: { a: &a { freezes: [{}, {weekly: 1}] }, b: *a }")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseEnvironments("e", []byte(text), ground)
		if err != nil && slipway.CodeOf(err) == slipway.Internal || err == nil && len(all) == 0 {
			t.Errorf("%v, %v", all, err)
		}
	})
}
