package faults_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// messages a second.
const messages = 100

// crew is how many workers there are.
const crew = 8

// byPrint is a canary of workers, who are judged by what they print. All of the new
// ones take part, so that an instance-minute is soon over.
func byPrint(hold time.Duration) string {
	return fmt.Sprintf("strategy: canary, canary: { weights: [50%%], instances: %d, hold: %s }", crew, hold)
}

// consumer is a version of a worker that takes messages.
type consumer struct {
	name    string
	version yard.Version
	ends    []string // its deployment
	short   bool     // it is of a short run too
}

var consumers = []consumer{
	{"the first", yard.Version{}, good, true},
	{"equal", yard.Version{Rollout: byPrint(time.Second), Env: map[string]string{"GAUGE_READY": "1s"}}, good, true},
	{"errs", yard.Version{Rollout: byPrint(time.Second), Env: map[string]string{"GAUGE_WRONG": "0.8:error"}}, back, true},
	{"never ready, rolling", yard.Version{Deadline: time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad, true},
	{"never ready, canary", yard.Version{Rollout: byPrint(time.Second), Deadline: 4 * time.Second, Env: map[string]string{"GAUGE_READY": "never"}}, bad, false},
	{"rolling", yard.Version{Env: map[string]string{"GAUGE_READY": "500ms"}}, good, false},
	{"immutable", yard.Version{Rollout: "strategy: immutable", Env: map[string]string{"GAUGE_READY": "2s"}}, good, false},
	{"in place", yard.Version{Rollout: "strategy: canary, canary: { detach: 2, weights: [30%], hold: 300ms, evidence: none }", Env: map[string]string{"GAUGE_READY": "2s"}}, good, false},
	{"errs now and then", yard.Version{Rollout: byPrint(30 * time.Second), Env: map[string]string{"GAUGE_READY": "1s", "GAUGE_WRONG": "0.2:error"}}, back, false},
}

var back = []string{"rolled_back"}

// TestEarlyMessages rolls out workers of a queue while whoever starts them, tells
// them and plans for them is killed. Nobody takes a message before it is the turn
// of its version, or before it is ready itself; none is lost, and none done twice
// but what a killed instance had in its hands.
func TestEarlyMessages(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	s := openShop(w)
	all := slices.DeleteFunc(slices.Clone(consumers), func(c consumer) bool { return !full && !c.short })
	var versions []yard.Version
	for _, c := range all {
		c.version.Service, c.version.Worker, c.version.Replicas = "gauge", true, crew
		c.version.Env = s.env(c.version.Env)
		versions = append(versions, c.version)
	}
	w.publish(versions...)
	for n, c := range all {
		release, asked := n+1, time.Now()
		d := w.ask("gauge", release)
		if n == 0 {
			s.Press(messages)
		} else {
			s.hurt(d.ID, release)
		}
		d = w.ends(d.ID, c.ends...)
		s.turns[release] = turn(d)
		if d.Phase == "succeeded" {
			s.served = append(s.served, release)
		}
		w.serves("gauge", s.served[len(s.served)-1])
		w.Logf("%s: %s after %.1f s", c.name, d.Phase, time.Since(asked).Seconds())
	}
	s.account()
}

// shop is a world whose service takes messages.
type shop struct {
	*world
	*yard.Queue
	killed map[int]bool      // processes of instances
	turns  map[int]time.Time // when a release was to take work; zero: each instance when it was ready
	served []int             // releases that were deployed
}

func openShop(w *world) *shop {
	w.Helper()
	q, err := yard.OpenQueue(broker(w.T))
	w.must(err)
	w.Cleanup(func() {
		if err := q.End(); err != nil {
			w.Error(err)
		}
	})
	return &shop{world: w, Queue: q, killed: map[int]bool{}, turns: map[int]time.Time{}}
}

// broker is where a real one answers.
func broker(t *testing.T) string {
	t.Helper()
	address := os.Getenv("SLIPWAY_TEST_AMQP")
	if address == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("SLIPWAY_TEST_AMQP names no RabbitMQ: run dev/setup")
		}
		t.Skip("SLIPWAY_TEST_AMQP names no RabbitMQ")
	}
	return address
}

// env is what a version is told.
func (s *shop) env(more map[string]string) map[string]string {
	env := map[string]string{"GAUGE_AMQP": s.URL, "GAUGE_QUEUE": s.Name, "GAUGE_TAKES": "20ms"}
	maps.Copy(env, more)
	return env
}

// hurt kills, while the new instances of a deployment are passive, the shim of
// one, another with its shim, the executor and the server; and once it is their
// turn one of them, and the server again.
func (s *shop) hurt(id int64, release int) {
	s.Helper()
	if all := s.members(id, release, 0); len(all) > 0 {
		s.kill(all[0], true)
		s.kill(all[len(all)-1], false)
		executor, err := s.Role("executor")
		s.must(err)
		s.must(executor.Kill())
		s.killServer()
	}
	if all := s.members(id, release, 1); len(all) > 0 {
		s.kill(all[0], true)
		s.killServer()
	}
}

// members waits until the instances of a release run, in a stage of its deployment
// or later; nil when that has ended.
func (s *shop) members(id int64, release, stage int) (ids []string) {
	s.Helper()
	_, err := s.Until(s.Context(), id, func(d api.Deployment) bool {
		ids = nil
		for _, i := range d.Instances {
			if i.Release == release && (i.Phase == "starting" || i.Phase == "ready") {
				ids = append(ids, i.ID)
			}
		}
		return d.Ended || d.At >= stage && len(ids) > 0
	})
	s.must(err)
	return ids
}

// kill kills the shim of an instance, and the instance as well.
func (s *shop) kill(instance string, both bool) {
	named := func(p yard.Process) bool { return p.Instance() == instance }
	for _, p := range slices.DeleteFunc(s.Shims(), func(p yard.Process) bool { return !named(p) }) {
		_ = p.Kill()
	}
	if !both {
		return
	}
	for _, p := range slices.DeleteFunc(s.Instances(), func(p yard.Process) bool { return !named(p) }) {
		s.killed[p.PID] = true
		_ = p.Kill()
	}
}

// turn is when a deployment let its release take work, by its story: never, when
// that does not say so; at any time, when each instance does when it is ready.
func turn(d api.Deployment) time.Time {
	if d.Strategy != "canary" && d.Strategy != "immutable" {
		return time.Time{}
	}
	for _, y := range d.Why {
		if strings.Contains(y.Text, " ready in ") {
			return y.At
		}
	}
	return time.Now().Add(time.Hour)
}

// account finds what became of each message.
func (s *shop) account() {
	s.Helper()
	sent, err := s.Stop()
	s.must(err)
	var all []yard.Taking
	s.eventually(30*time.Second, func() (err error) {
		if all, err = s.Takings(); err != nil {
			return err
		}
		done := map[string]bool{}
		for _, k := range all {
			done[k.Message] = done[k.Message] || k.Done
		}
		if lost := slices.DeleteFunc(slices.Clone(sent), func(m string) bool { return done[m] }); len(lost) > 0 {
			err = fmt.Errorf("%d of %d messages are done by nobody: %v", len(lost), len(sent), lost[:min(len(lost), 10)])
		}
		return err
	})
	early, killed, given, by := 0, 0, map[string]int{}, map[int]int{}
	for _, k := range all {
		by[k.Release]++
		if !k.Ready || k.At.Before(s.turns[k.Release]) {
			if early++; early <= 20 {
				s.Errorf("%s of @%d was given %s at %s; it was ready: %t; the turn of its version was at %s", k.Instance, k.Release, k.Message,
					k.At.Format("15:04:05.000000"), k.Ready, s.turns[k.Release].Format("15:04:05.000000"))
			}
		}
		if s.killed[k.PID] {
			killed++
			continue
		}
		if given[k.Message]++; given[k.Message] == 2 {
			s.Errorf("%s was given twice, and not because of who was killed", k.Message)
		}
	}
	for _, release := range s.served {
		if by[release] == 0 {
			s.Errorf("@%d was deployed and was given nothing", release)
		}
	}
	s.note("%d messages, %d early, %d given to who was killed", len(sent), early, killed)
	s.Logf("messages by release: %v", by)
}
