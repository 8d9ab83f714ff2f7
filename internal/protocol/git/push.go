package git

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net"
	"net/http"
	"sync"

	"github.com/slipway-cd/slipway"
)

// push is one run of git-receive-pack. Its hook proves itself with a secret
// that lives in memory and in the environment of that run only.
type push struct {
	repository slipway.RepositoryName
	by         slipway.Principal
	watched    context.Context // ends when the pusher went away
	leave      context.CancelFunc

	mu        sync.Mutex // one hook is heard at a time
	delivered bool       // every change that the hook told is recorded
	told      map[slipway.BuildID]*progress
}

// inflight are the pushes that run, by the hash of their secret.
type inflight struct {
	mu     sync.Mutex
	pushes map[string]*push
}

func (f *inflight) begin(name slipway.RepositoryName, by slipway.Principal) (p *push, secret string) {
	p = &push{repository: name, by: by, told: map[slipway.BuildID]*progress{}}
	p.watched, p.leave = context.WithCancel(context.Background())
	secret = rand.Text() + rand.Text()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pushes[key(secret)] = p
	return p, secret
}

func (f *inflight) find(secret string) *push {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pushes[key(secret)]
}

// end forgets a push and reports whether its repository has no other.
func (f *inflight) end(secret string) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.pushes[key(secret)]
	delete(f.pushes, key(secret))
	for _, other := range f.pushes {
		if other.repository == p.repository {
			return false
		}
	}
	return true
}

func key(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return string(h[:])
}

// receive takes a push. It returns when git is done with it, which is when its
// hook is: when the builds have settled, or the pusher has gone.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	name, p, ok := s.mayPush(w, r)
	if !ok {
		return
	}
	select {
	case s.pushes <- struct{}{}:
		defer func() { <-s.pushes }()
	default:
		s.refuse(w, slipway.Errorf(slipway.Unavailable, "%d pushes are running already", maxPushes).Do("push again in a moment"))
		return
	}
	if r.ContentLength == int64(len("0000")) && !s.exists(name) {
		// Before a large pack git asks with nothing whether it may send one.
		s.serve(w, r, call{repository: empty, service: "git-receive-pack", bound: maxAsk})
		return
	}
	if err := s.create(r.Context(), name, p.Actor); err != nil {
		s.refuse(w, err)
		return
	}
	claim, err := s.claim(r.Context(), name, false)
	if err != nil {
		s.refuse(w, err)
		return
	}
	push, secret := s.inflight.begin(name, p)
	defer s.finish(push, secret, claim)
	s.serve(w, r, call{
		repository: string(name), service: "git-receive-pack", bound: maxPush, user: p.Actor.Name,
		live: true, gone: push.leave,
		env: []string{
			"SLIPWAY_HOOK_PROGRAM=" + s.Program, "SLIPWAY_HOOK_SECRET=" + secret,
			"SLIPWAY_HOOK_URL=http://" + address(r) + "/git/hooks/post-receive",
		},
	})
}

// address is where this server heard r, which is where its hook finds it too.
func address(r *http.Request) string {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		return a.String()
	}
	return r.Host
}

// finish ends a push. When its hook was not heard, what changed is found by
// looking: the pusher may have gone between the change and the hook.
func (s *Server) finish(p *push, secret string, c *claim) {
	last := s.inflight.end(secret)
	p.leave()
	c.release()
	p.mu.Lock()
	delivered := p.delivered
	p.mu.Unlock()
	if delivered || !last {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deliverFor)
	defer cancel()
	if err := s.reconcile(ctx, p.repository, p.by); err != nil {
		s.Log.Error("looking for what a push changed", "repository", p.repository, "err", err)
	}
}
