package git

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/slipway-cd/slipway"
)

// delivery is what became of one change of a ref.
type delivery struct {
	push  slipway.Push
	build *slipway.Build
	note  string
	lines []string // of what it declares
	err   error
}

// lost is why a change was not recorded; a pipeline that is wrong is its
// pusher's to mend.
func (d delivery) lost() error {
	if slipway.CodeOf(d.err) == slipway.Invalid {
		return nil
	}
	return d.err
}

// hook hears git's post-receive hook: it records what changed, then tells how
// the builds go until they settle. The answer is the lines to print.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) {
	p := s.inflight.find(token(r))
	if p == nil {
		s.refuse(w, slipway.Errorf(slipway.Forbidden, "this push is over").Do("what it changed is built all the same: slipway builds"))
		return
	}
	changes, err := parseChanges(http.MaxBytesReader(w, r.Body, maxHookInput), p)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &live{ResponseWriter: w, control: http.NewResponseController(w)}
	out.WriteHeader(http.StatusOK)

	p.mu.Lock()
	defer p.mu.Unlock()
	var done []delivery
	p.delivered = true
	for _, change := range changes {
		d := s.deliver(r.Context(), change)
		p.delivered = p.delivered && d.lost() == nil
		done = append(done, d)
	}
	p.claim.release() // its builds may be watched for long

	ctx, cancel := context.WithTimeout(r.Context(), followFor)
	defer cancel()
	defer context.AfterFunc(p.watched, cancel)()
	s.tell(ctx, out, p, done)
}

// parseChanges reads git's lines: old, new and ref.
func parseChanges(r io.Reader, p *push) ([]slipway.Push, error) {
	var changes []slipway.Push
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		from, rest, _ := strings.Cut(lines.Text(), " ")
		to, ref, _ := strings.Cut(rest, " ")
		c := pushed(p.by, p.repository, ref, slipway.Commit(from), slipway.Commit(to))
		if !c.Old.Valid() || !c.New.Valid() || !strings.HasPrefix(ref, "refs/") {
			return nil, slipway.Errorf(slipway.Invalid, "git's hook said %q; expected OLD NEW REF", lines.Text())
		}
		changes = append(changes, c)
	}
	if err := lines.Err(); err != nil {
		return nil, slipway.Errorf(slipway.TooLarge, "this push changes too many refs to tell: %w", err)
	}
	return changes, nil
}

// pushed is a change that by made.
func pushed(by slipway.Principal, name slipway.RepositoryName, ref string, from, to slipway.Commit) slipway.Push {
	return slipway.Push{Repository: name, Ref: ref, Old: from, New: to, Actor: by.Actor, Environments: by.Within()}
}

// deliver records one change and has it built. It does so whether or not the
// pusher waits.
func (s *Server) deliver(ctx context.Context, p slipway.Push) delivery {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverFor)
	defer cancel()
	if branch := p.Branch(); branch != "" && !p.IsDelete() {
		if err := s.pointHead(ctx, p.Repository, branch); err != nil {
			s.Log.Warn("choosing the branch that clones check out", "repository", p.Repository, "err", err)
		}
	}
	var lines []string
	if p.Repository == slipway.PlatformRepository && s.Platform != nil {
		lines = s.Platform.Pushed(ctx, p) // before it is recorded: what a crash cuts off is delivered again
	}
	build, note, err := s.Builds.Push(ctx, p)
	if err != nil && slipway.CodeOf(err) != slipway.Invalid {
		s.Log.Error("building a push", "repository", p.Repository, "ref", p.Ref, "err", err)
	}
	return delivery{p, build, note, lines, err}
}

// tell writes what became of each change, one build after the other, each until
// it has settled or ctx ends.
func (s *Server) tell(ctx context.Context, w io.Writer, p *push, done []delivery) {
	followed := 0
	for _, d := range done {
		for _, line := range d.lines {
			say(w, "%s", plain(line))
		}
		switch {
		case d.err != nil:
			say(w, "slipway  no build of %s, %s", d.push.Repository, plain(refTitle(d.push)))
			writeLines(w, "  ✗ ", slipway.MessageOf(d.err))
		case d.build == nil && d.note != "" && len(d.lines) == 0:
			say(w, "slipway  no build of %s, %s  ·  %s", d.push.Repository, plain(refTitle(d.push)), plain(d.note))
		case d.build != nil && followed == maxFollowed:
			say(w, "slipway  build %s runs; watch it: slipway build %s --follow", d.build.Slug(), d.build.Slug())
		case d.build != nil:
			followed++
			s.follow(ctx, w, p, d.build)
		}
	}
}

// say writes a line. The pusher may have left; then the context of what follows
// ends, and nothing else depends on it.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func refTitle(p slipway.Push) string {
	switch {
	case p.Branch() != "":
		return "branch " + p.Branch()
	case p.Tag() != "":
		return "tag " + p.Tag()
	}
	return p.Ref
}

func writeLines(w io.Writer, prefix, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		say(w, "%s%s", prefix, plain(line))
		prefix = strings.Repeat(" ", len([]rune(prefix)))
	}
}
