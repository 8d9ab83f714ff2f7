package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/buildkite/agent/v3/api"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/cgroup"
)

// Config is what an agent needs to know.
type Config struct {
	Servers []string        // URLs of the servers, any of which will do: http://127.0.0.1:7070
	Find    func() []string // tells the servers that there are when one does not answer; nil: the same
	Token   string          // to register with
	Queue   slipway.Queue   // whose jobs it runs
	Tests   bool            // of them only tests before traffic
	Name    string          // shown to people
	Version string          // of Slipway
	Dir     string          // of this agent alone: checkouts and spooled logs
	Exe     string          // the slipway program: jobs find it on their PATH, and it guards them
	Env     []string        // of the agent's start; jobs get PATH, HOME, LANG, TMPDIR and GO* of it
	Logger  *slog.Logger
}

// Agent runs the jobs of one queue.
type Agent struct {
	Config
	servers  *servers
	http     *http.Transport
	pulse    pulse
	stopping chan struct{}
	stop     sync.Once
	home     cgroup.Home // where the groups of jobs are made

	findHome func() (cgroup.Home, error) // tests find none

	heartbeatEvery, lookEvery time.Duration // tests shorten these
	silence                   time.Duration // unheard for so long, the job ends
	grace, lostGrace          time.Duration // between SIGTERM and SIGKILL
	overtime                  time.Duration // the server's own for a job that ran out of time, before the agent acts alone
}

// New checks the configuration. Its error is Invalid.
func New(c Config) (*Agent, error) {
	servers, err := newServers(c.Servers, c.Find)
	if err != nil {
		return nil, err
	}
	if err := c.Queue.Validate(); err != nil {
		return nil, err
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return nil, err
	}
	if c.Exe, err = filepath.Abs(c.Exe); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 8
	return &Agent{
		Config: c, servers: servers, http: transport, stopping: make(chan struct{}), findHome: cgroup.Own,
		heartbeatEvery: slipway.HeartbeatEvery, lookEvery: time.Second,
		silence: slipway.LeaseFor - slipway.LeaseMargin,
		grace:   10 * time.Second, lostGrace: time.Second, overtime: 10 * time.Second,
	}, nil
}

// Stop makes Run return when the job that runs now, if any, is over.
func (a *Agent) Stop() { a.stop.Do(func() { close(a.stopping) }) }

// Run takes and runs jobs until ctx is over, which kills the running job, or
// Stop was called, which does not. A server that does not answer is waited for;
// its error is the server's when it refuses the agent.
func (a *Agent) Run(ctx context.Context) error {
	defer a.http.CloseIdleConnections()
	if err := a.prepare(); err != nil {
		return err
	}
	until, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-a.stopping:
			cancel()
		case <-until.Done():
		}
	}()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		began := time.Now()
		err := a.session(ctx, until)
		switch {
		case until.Err() != nil:
			return nil
		case errors.Is(err, errUnknown):
			a.Logger.InfoContext(ctx, "registering again")
		case err != nil:
			return err
		}
		if time.Since(began) > lastWait {
			wait = firstWait
		}
		pause(until, wait)
	}
}

// errUnknown says that the agent must register anew.
var errUnknown = errors.New("the server does not know this agent")

// session registers the agent and runs jobs as long as the server knows it.
// Jobs end with ctx, asking for more ends with until.
func (a *Agent) session(ctx, until context.Context) error {
	me, err := a.register(until)
	if err != nil {
		return err
	}
	client := a.client(me.AccessToken)
	if err := a.call(until, "connect", func(ctx context.Context) error { _, err := client.Connect(ctx); return err }); err != nil {
		return unknown(err)
	}
	a.Logger.InfoContext(ctx, "ready for jobs", "queue", a.Queue, "name", me.Name, "id", me.UUID)
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { a.heartbeat(beating, client) })
	defer func() {
		stopBeating()
		wg.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_, _ = client.Disconnect(ctx) // a courtesy: silence says the same
	}()
	return a.work(ctx, until, client, me)
}

func (a *Agent) register(ctx context.Context) (*api.AgentRegisterResponse, error) {
	host, _ := os.Hostname()
	var me *api.AgentRegisterResponse
	err := a.call(ctx, "register", func(ctx context.Context) (err error) {
		me, _, err = a.client(a.Token).Register(ctx, &api.AgentRegisterRequest{
			Name: a.Name, Hostname: host, OS: runtime.GOOS, Arch: runtime.GOARCH, PID: os.Getpid(),
			Version: cmp.Or(a.Version, "0"), ScriptEvalEnabled: true, Tags: a.tags(),
		})
		return err
	})
	if refusal, ok := errors.AsType[*api.ErrorResponse](err); ok {
		return nil, slipway.Errorf(slipway.Forbidden, "the server at %s refused the agent for queue %s: %s",
			a.servers.now(), a.Queue, cmp.Or(refusal.Message, refusal.Response.Status))
	}
	return me, err
}

// work asks for jobs and runs them.
func (a *Agent) work(ctx, until context.Context, client *api.Client, me *api.AgentRegisterResponse) error {
	backoff, idle := firstWait, 0
	for until.Err() == nil {
		asked := time.Now()
		ping, err := a.ping(until, client)
		switch {
		case until.Err() != nil:
			return nil
		case final(err):
			return unknown(err)
		case err != nil:
			a.Logger.DebugContext(ctx, "ping", "err", err)
			pause(until, backoff)
			backoff = min(2*backoff, lastWait)
			continue
		case ping.Action == "disconnect":
			a.Stop()
			return nil
		case ping.Job != nil:
			if err := a.take(ctx, client, me, ping.Job.ID); errors.Is(err, errLost) {
				return errUnknown // under a new name, so that the old one's silence says that the attempt is lost
			} else if err != nil {
				a.Logger.WarnContext(ctx, "the job could not be taken", "job", ping.Job.ID, "err", err)
				pause(until, firstWait)
			}
			idle = 0
		case time.Since(asked) > 100*time.Millisecond:
			idle = 0
		default: // the server does not hold pings open, or wakes everybody: do not spin
			if idle++; idle > 5 {
				pause(until, firstWait)
			}
		}
		backoff = firstWait
	}
	return nil
}

func (a *Agent) ping(ctx context.Context, client *api.Client) (*api.Ping, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	ping, _, err := client.Ping(ctx)
	return ping, err
}

// take accepts a job and runs it to its end. Its error is errLost when the
// attempt was lost, or why the job could not be had.
func (a *Agent) take(ctx context.Context, client *api.Client, me *api.AgentRegisterResponse, id string) error {
	within, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a.pulse.beat(time.Now())
	spec, _, err := client.AcceptJob(within, id)
	if err != nil {
		return err
	}
	if !a.newJob(spec, me).run(ctx) {
		return errLost
	}
	return nil
}

func (a *Agent) heartbeat(ctx context.Context, client *api.Client) {
	for ctx.Err() == nil {
		pause(ctx, a.heartbeatEvery)
		within, cancel := context.WithTimeout(ctx, callTimeout)
		if _, _, err := client.Heartbeat(within); err != nil && ctx.Err() == nil {
			a.Logger.DebugContext(ctx, "heartbeat", "err", err)
		}
		cancel()
	}
}

// prepare makes the agent's folders and clears what a former run left.
func (a *Agent) prepare() error {
	a.settle() // first: what still runs may write to the folders
	for _, dir := range []string{a.path("job"), a.path("checkout")} {
		if err := removeAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(a.path("bin"), 0o700); err != nil {
		return err
	}
	for _, name := range []string{"slipway", "buildkite-agent"} {
		link := a.path("bin", name)
		if now, err := os.Readlink(link); err == nil && now == a.Exe {
			continue
		}
		_ = os.Remove(link)
		if err := os.Symlink(a.Exe, link); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) path(elem ...string) string {
	return filepath.Join(append([]string{a.Dir}, elem...)...)
}

// endpoint is where u speaks the agent protocol.
func endpoint(u *url.URL) string { return u.String() + "/agent/v3/" }

// tags are what it may be picked by.
func (a *Agent) tags() []string {
	tags := []string{"queue=" + string(a.Queue)}
	if a.Tests {
		tags = append(tags, slipway.TestsOnly+"=true")
	}
	return tags
}
