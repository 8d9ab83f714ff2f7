package git

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/slipway-cd/slipway"
)

// push is one run of git-receive-pack. Its hook proves itself with a secret
// that lives in memory and in the environment of that run only.
type push struct {
	repository slipway.RepositoryName
	by         slipway.Principal
	watched    context.Context // ends when the pusher went away
	leave      context.CancelFunc
	claim      *claim
	mark       *mark

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

func (f *inflight) end(secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pushes, key(secret))
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
	push, secret, err := s.begin(r.Context(), name, p)
	if err != nil {
		s.refuse(w, err)
		return
	}
	defer s.finish(push, secret)
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

// begin lets nobody look for unheard changes of a repository while it is pushed
// to, and marks who does.
func (s *Server) begin(ctx context.Context, name slipway.RepositoryName, by slipway.Principal) (*push, string, error) {
	c, err := s.claim(ctx, name, false)
	if err != nil {
		return nil, "", err
	}
	m, err := s.mark(name, by)
	if errors.Is(err, unix.ENOSPC) {
		s.Log.Warn("a push is not marked: git says what becomes of it on a full disk", "repository", name)
	} else if err != nil {
		c.release()
		return nil, "", err
	}
	p, secret := s.inflight.begin(name, by)
	p.claim, p.mark = c, m
	return p, secret, nil
}

// finish ends a push. When its hook was not heard, what changed is found by
// looking: the pusher may have gone between the change and the hook. Who pushes
// there as well keeps us from looking; then Watch does, in the pusher's name.
func (s *Server) finish(p *push, secret string) {
	s.inflight.end(secret)
	p.leave()
	p.mu.Lock()
	told := p.delivered
	p.mu.Unlock()
	p.claim.release()
	defer func() { p.mark.end(told) }()
	if told {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deliverFor)
	defer cancel()
	err := s.reconcile(ctx, p.repository, p.by)
	told = err == nil
	if err != nil && slipway.CodeOf(err) != slipway.Unavailable {
		s.Log.Error("looking for what a push changed", "repository", p.repository, "err", err)
	}
}
