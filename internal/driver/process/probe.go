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
	probeTimeout = time.Second
	probeEvery   = time.Second            // once it has been ready
	probeFirst   = 5 * time.Millisecond   // then twice that, up to
	probeSlowest = 100 * time.Millisecond // until ready for the first time
	workerSettle = time.Second            // a worker without a probe is ready when it has lived this long
	excerptBytes = 256
)

// verdict is what a look at the instance found.
type verdict struct {
	ready bool
	live  bool
	why   string // of the first no
}

// prober looks at one child. It is used by one goroutine at a time.
type prober struct {
	spec   Spec
	child  *child
	door   door
	client *http.Client
	kin    func() []procid.ID

	unready, dead int // failures in a row
}

func newProber(s Spec, c *child) *prober {
	dialer := net.Dialer{Timeout: probeTimeout}
	return &prober{
		spec: s, child: c, door: door{port: s.Port},
		kin: func() []procid.ID { return kin(c.id.PID, s.Mark) },
		client: &http.Client{
			Timeout:       probeTimeout,
			Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// look probes once. wasReady says whether the child has been ready: from then
// on failures have to repeat to count, and its liveness is probed too.
func (p *prober) look(ctx context.Context, wasReady bool) verdict {
	v := verdict{live: true}
	v.ready, v.why = p.isReady(ctx)
	if v.ready {
		p.unready = 0
	} else if p.unready++; wasReady && p.unready < failures(p.spec.Health.Ready) {
		v.ready = true
	}
	if !wasReady || p.spec.Health.Live == nil || p.spec.Port == 0 {
		return v
	}
	alive, why := p.get(ctx, p.spec.Health.Live.HTTP)
	if alive {
		p.dead = 0
	} else if p.dead++; p.dead >= failures(p.spec.Health.Live) {
		v.live = false
		v.why = fmt.Sprintf("%s, %d times in a row", why, p.dead)
	}
	return v
}

func failures(p *slipway.Probe) int {
	if p == nil {
		return 1
	}
	return max(1, p.Failures)
}

func (p *prober) isReady(ctx context.Context) (bool, string) {
	if p.spec.Port == 0 {
		return time.Since(p.child.started) >= workerSettle, "it has not run for a second yet"
	}
	if ok, why := p.door.check(p.child.id.PID, p.kin); !ok {
		return false, why
	}
	if p.spec.Health.Ready == nil {
		return true, ""
	}
	return p.get(ctx, p.spec.Health.Ready.HTTP)
}

// get asks the instance, and nobody that it refers to.
func (p *prober) get(ctx context.Context, path string) (ok bool, why string) {
	what := "GET " + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.spec.Addr().String()+path, nil)
	if err != nil {
		return false, what + ": " + err.Error()
	}
	req.Header.Set("User-Agent", "slipway-probe")
	res, err := p.client.Do(req)
	if err != nil {
		return false, what + ": " + reason(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 200 && res.StatusCode < 400 {
		return true, ""
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, excerptBytes))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	why = fmt.Sprintf("%s → %d", what, res.StatusCode)
	if line != "" {
		why += fmt.Sprintf(" %q", line)
	}
	return false, why
}

// reason is the innermost part of a network error, which is what a person
// needs: connection refused.
func reason(err error) string {
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
		return "no answer within " + probeTimeout.String()
	}
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
