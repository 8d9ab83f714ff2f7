package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/procid"
)

const (
	readyTimeout = time.Second
	liveTimeout  = 3 * time.Second        // to restart what is merely slow makes it worse
	probeEvery   = time.Second            // once it has been ready
	probeFirst   = 5 * time.Millisecond   // then twice that, up to
	probeSlowest = 100 * time.Millisecond // until ready for the first time
	workerSettle = time.Second            // a worker without a probe is ready when it has lived this long
	excerptBytes = 256
	mostExcused  = 60 // probes in a row that do not count, because the machine was too busy to answer
)

// verdict is what a look at the instance found.
type verdict struct {
	ready bool
	live  bool
	why   string // of the first no
	more  bool   // this is what is known already; another verdict follows
}

// prober looks at one child. It is used by one goroutine at a time.
type prober struct {
	spec   Spec
	child  *child
	door   door
	client *http.Client
	kin    func() []procid.ID

	ready, live tally
}

func newProber(s Spec, c *child) *prober {
	return &prober{
		spec: s, child: c, door: door{port: s.Port},
		kin: func() []procid.ID { return kin(c.id.PID, s.Mark) },
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// look probes once and says what it finds. wasReady says whether the child has
// been ready: from then on failures have to repeat to count, and its liveness is
// probed too, which may take a while.
func (p *prober) look(ctx context.Context, wasReady bool, say func(verdict)) {
	v := verdict{live: true}
	var starved bool
	v.ready, v.why, starved = p.isReady(ctx)
	p.ready.add(v.ready, starved)
	v.ready = v.ready || wasReady && p.ready.failed < failures(p.spec.Health.Ready)
	live := p.spec.Health.Live
	if !wasReady || live == nil || p.spec.Port == 0 {
		say(v)
		return
	}
	within := readyTimeout
	if p.live.failed < failures(live) {
		within = liveTimeout
		v.more = true
		say(v)
		v.more = false
	}
	alive, why, starved := p.get(ctx, live.HTTP, within)
	p.live.add(alive, starved)
	if p.live.failed >= failures(live) {
		v.live, v.why = false, why
		if n := failures(live); n > 1 {
			v.why += fmt.Sprintf(", %d times in a row", n)
		}
	}
	say(v)
}

// tally is what one probe has found in a row.
type tally struct{ failed, excused int }

// add counts a probe. One that a starved instance did not answer is excused, but
// not for ever: to restart instances of a busy machine, or to take them out,
// leaves the others with more to do.
func (t *tally) add(ok, starved bool) {
	switch {
	case ok:
		*t = tally{}
	case starved && t.excused < mostExcused:
		t.excused++
	default:
		t.failed++
	}
}

func failures(p *slipway.Probe) int {
	if p == nil {
		return 1
	}
	return max(1, p.Failures)
}

func (p *prober) isReady(ctx context.Context) (ok bool, why string, starved bool) {
	if p.spec.Port == 0 {
		return time.Since(p.child.started) >= workerSettle, "it has not run for a second yet", false
	}
	if ok, why := p.door.check(p.child.id.PID, p.kin); !ok {
		return false, why, false
	}
	if p.spec.Health.Ready == nil {
		return true, "", false
	}
	return p.get(ctx, p.spec.Health.Ready.HTTP, readyTimeout)
}

// get asks the instance, and nobody that it refers to. starved says that it did
// not answer in time on a machine that gave it no time.
func (p *prober) get(ctx context.Context, path string, within time.Duration) (ok bool, why string, starved bool) {
	s := feel(within, p.server)
	ok, why, late := p.ask(ctx, path, within)
	return ok, why, s.end() && late
}

// server is the process that answers, as far as it is known.
func (p *prober) server() int {
	if p.door.pid != 0 {
		return p.door.pid
	}
	return p.child.id.PID
}

func (p *prober) ask(ctx context.Context, path string, within time.Duration) (ok bool, why string, late bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	what := "GET " + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.spec.Addr().String()+path, nil)
	if err != nil {
		return false, what + ": " + err.Error(), false
	}
	req.Header.Set("User-Agent", "slipway-probe")
	res, err := p.client.Do(req)
	if t, isNet := errors.AsType[net.Error](err); isNet && t.Timeout() {
		return false, fmt.Sprintf("%s: no answer within %v", what, within), true
	}
	if err != nil {
		return false, what + ": " + reason(err), false
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 200 && res.StatusCode < 400 {
		return true, "", false
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, excerptBytes))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	why = fmt.Sprintf("%s → %d", what, res.StatusCode)
	if line != "" {
		why += fmt.Sprintf(" %q", line)
	}
	return false, why, false
}

// reason is the innermost part of a network error, which is what a person
// needs: connection refused.
func reason(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// nextProbe is how long to wait after the n-th look (from 1).
func nextProbe(n int, wasReady bool) time.Duration {
	if wasReady {
		return probeEvery
	}
	return min(probeFirst<<min(n-1, 10), probeSlowest)
}
