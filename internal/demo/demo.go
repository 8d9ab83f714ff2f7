package demo

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
	"github.com/slipway-cd/slipway/internal/load"
)

// Options say how the demo is played.
type Options struct {
	Exe  string    // the slipway program
	Yes  bool      // do not ask before a release goes to production
	Keep bool      // leave everything running at the end
	JSON bool      // end with one line of JSON
	In   io.Reader // where a person answers
	Out  io.Writer
}

// Bounds of the demo.
const (
	rate         = 600    // requests a second
	leastLoad    = 20_000 // requests in all
	patience     = 2 * time.Minute
	downPatience = 2 * time.Minute
)

// A play is one run of the demo.
type play struct {
	Options
	*teller
	dir    string // temporary: data, repositories
	client *api.Client
	load   *load.Load
	memory *memory
	began  time.Time
	kills  int
	tried  struct{ from, until time.Time } // when the version that is subtly worse was
}

// Run plays the demo. It ends everything that it started, unless it is asked to
// keep it. Its error says what did not go as promised; then the logs are kept,
// and it says where.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "slipway-demo-")
	if err != nil {
		return slipway.Errorf(slipway.Unavailable, "cannot make a temporary directory: %w", err)
	}
	p := &play{Options: o, teller: &teller{out: o.Out}, dir: dir, began: time.Now()}
	defer func() {
		if err == nil && o.Keep {
			return
		}
		err = p.end(ctx, err)
	}()
	return p.play(ctx)
}

// play is the story.
func (p *play) play(ctx context.Context) error {
	for _, act := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Slipway comes up", p.up},
		{"Three services are pushed: tested, published, deployed to test", p.pushAll},
		{"A person lets them into production", p.unblockAll},
		{"Under load, a new version goes to production", p.goodVersion},
		{"A version that is fine in test is never ready in production: it is refused", p.badVersion},
		{"A person rolls back by hand", p.rollBack},
		{"The server is killed in the middle of a rollout, between commit and act", p.crash},
		{"A version that is subtly worse is tried by a part of the traffic, caught by its errors, and rolled back", p.subtleVersion},
		{"How it went", p.settle},
	} {
		p.title(act.title)
		if err := act.play(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle waits for the rest of the load and says how it all went.
func (p *play) settle(ctx context.Context) error {
	for p.load.Sent() < leastLoad {
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	p.load.Stop()
	r, err := p.result(ctx)
	if err != nil {
		return err
	}
	p.table(r)
	if p.Keep {
		p.keep()
	}
	if p.JSON {
		if err := p.json(r); err != nil {
			return err
		}
	}
	if r.Lost > 0 {
		return slipway.Errorf(slipway.Internal, "%d of %d requests were lost: %s", r.Lost, r.Requests, p.load.Reasons())
	}
	return nil
}

func (p *play) keep() {
	p.say("")
	p.say("Everything still runs. Look around:")
	for _, command := range []string{"login", "status", "events --follow", "down"} {
		p.say("  %s --data %s %s", p.Exe, p.data(), command)
	}
	p.say("Afterwards: chmod -R u+w %s && rm -r %s", p.dir, p.dir)
}

// end ends what was started and removes it. When the demo failed, the
// evidence is kept.
func (p *play) end(ctx context.Context, failed error) error {
	if p.load != nil {
		p.load.Stop()
	}
	if p.memory != nil {
		p.memory.stop()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), downPatience)
	defer cancel()
	downErr := p.down(last)
	switch {
	case failed == nil:
		failed = downErr
	case ctx.Err() != nil:
		failed = ctx.Err() // a person has seen enough: nothing went wrong
	}
	if failed != nil && ctx.Err() == nil {
		if kept, err := p.keepEvidence(); err == nil {
			failed = explain(failed, kept)
		}
	}
	if err := removeAll(p.dir); err != nil && failed == nil {
		failed = slipway.Errorf(slipway.Unavailable, "cannot remove %s: %w", p.dir, err)
	}
	return failed
}

// keepEvidence copies what tells why a demo failed, as far as it is there: the
// logs of roles and of instances, and the database with its events.
func (p *play) keepEvidence() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "slipway-demo-logs-"); err != nil {
		return "", err
	}
	for _, part := range []string{"logs", "process/ended"} {
		_ = os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(p.data(), part)))
	}
	if database, err := os.ReadFile(filepath.Join(p.data(), "slipway.db")); err == nil {
		_ = os.WriteFile(filepath.Join(dir, "slipway.db"), database, 0o600)
	}
	return dir, nil
}

func explain(failed error, logs string) error {
	return slipway.Errorf(slipway.Internal, "the demo did not go as promised: %s", failed).Do("The logs and events of everything: %s", logs)
}

// removeAll removes dir and the read-only trees of releases in it.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a directory, of ours
		}
		return nil
	})
	return os.RemoveAll(dir)
}

func (p *play) data() string { return filepath.Join(p.dir, "data") }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// broken is what the demo says when a promise does not hold.
func broken(format string, args ...any) error {
	return slipway.Errorf(slipway.Internal, "%s", fmt.Sprintf(format, args...))
}
