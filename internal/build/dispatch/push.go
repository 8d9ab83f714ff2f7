package dispatch

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/build/pipeline"
)

// Files that a pipeline is looked for in; the first that is there counts.
var Files = []string{".buildkite/pipeline.yml", ".slipway/pipeline.yml"}

// Push records that a ref has changed and makes its build. A build that was not
// made has a note that says why. The same push again returns the same build. A
// pipeline that cannot be read makes a failed build, whose Why names every
// problem with its position.
//
// Its errors are those of the store and of the source.
func (d *Dispatch) Push(ctx context.Context, p slipway.Push) (build *slipway.Build, note string, err error) {
	defer d.lock(string(p.Repository))() // one push at a time decides on the default branch
	build, note, err = d.push(ctx, p)
	if slipway.CodeOf(err) == slipway.Stale { // it was decided on by another server
		build, note, err = d.push(ctx, p)
	}
	return build, note, err
}

func (d *Dispatch) push(ctx context.Context, p slipway.Push) (build *slipway.Build, note string, err error) {
	repository, err := d.Store.Repository(ctx, p.Repository)
	if err != nil {
		return nil, "", err
	}
	defaultBranch := repository.DefaultBranch
	if b := p.Branch(); defaultBranch == "" && !p.IsDelete() && (b == "master" || b == "main") {
		defaultBranch = b
	}
	b, note, err := d.prepare(ctx, p, defaultBranch)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	stored, _, err := d.Store.RecordPush(ctx, p, defaultBranch, b, pushed(p, b, d)...)
	if err != nil {
		return nil, "", err
	}
	if stored.ID == "" {
		return nil, note, nil
	}
	d.board.put(&stored)
	return &stored, "", nil
}

func pushed(p slipway.Push, b *slipway.Build, d *Dispatch) []slipway.Event {
	what := "pushed " + p.New.Short() + " to"
	if p.IsDelete() {
		what = "deleted"
	}
	e := slipway.Event{At: d.now(), Kind: slipway.RefPushed, Actor: p.Actor, Repository: p.Repository, Text: fmt.Sprintf("%s %s", what, p.Ref)}
	if b == nil {
		return []slipway.Event{e}
	}
	made := e
	made.Kind, made.Text = slipway.BuildCreated, fmt.Sprintf("build of %s %q", b.Commit.Commit.Short(), b.Commit.Subject())
	if b.State == slipway.BuildFailed {
		made.Text += " failed at once: its pipeline cannot be read"
	}
	return []slipway.Event{e, made}
}

// prepare makes the build of p, or a note that says why there is none.
func (d *Dispatch) prepare(ctx context.Context, p slipway.Push, defaultBranch string) (*slipway.Build, string, error) {
	switch {
	case p.IsDelete():
		return nil, "deleted", nil
	case p.Branch() == "" && p.Tag() == "":
		return nil, "only branches and tags are built", nil
	}
	info, err := d.Source.CommitInfo(ctx, p.Repository, p.New)
	if slipway.CodeOf(err) == slipway.NotFound {
		return nil, "it does not name a commit", nil
	} else if err != nil {
		return nil, "", err
	}
	file, text, err := d.find(ctx, p.Repository, info.Commit)
	if err == nil && file == "" {
		return nil, fmt.Sprintf("no pipeline: add %s", Files[0]), nil
	}
	environments, failed := d.Store.Environments(ctx)
	if failed != nil {
		return nil, "", failed
	}
	now := d.now()
	b := &slipway.Build{
		ID: slipway.BuildID(newID()), Push: p, Commit: info, State: slipway.BuildRunning, CreatedAt: now,
		Repositories: []slipway.RepositoryName{p.Repository}, Authority: authority(p, defaultBranch, environments),
	}
	if err == nil {
		err = d.fill(ctx, b, file, text)
	}
	switch slipway.CodeOf(err) {
	case "":
		pipeline.Next(b, now)
	case slipway.Invalid, slipway.TooLarge: // the pusher's to mend, and for all to see
		b.State, b.Why, b.FinishedAt = slipway.BuildFailed, slipway.MessageOf(err), now
	default:
		return nil, "", err
	}
	return b, "", nil
}

// find reads the pipeline file; file is "" when there is none.
func (d *Dispatch) find(ctx context.Context, r slipway.RepositoryName, c slipway.Commit) (file string, text []byte, err error) {
	for _, file := range Files {
		text, err := d.Source.File(ctx, r, c, file)
		if slipway.CodeOf(err) != slipway.NotFound {
			return file, text, err
		}
	}
	return "", nil, nil
}

// fill gives b what the pipeline says.
func (d *Dispatch) fill(ctx context.Context, b *slipway.Build, file string, text []byte) error {
	p, err := pipeline.Parse(file, text)
	if err != nil {
		return err
	}
	known, err := d.queues(ctx)
	if err != nil {
		return err
	}
	if err := p.CheckQueues(known); err != nil {
		return err
	}
	modules, err := d.Source.Submodules(ctx, b.Push.Repository, b.Commit.Commit)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if !slices.Contains(b.Repositories, m) {
			b.Repositories = append(b.Repositories, m)
		}
	}
	b.Env = p.Env
	for _, s := range p.Steps {
		b.Jobs = append(b.Jobs, slipway.Job{ID: slipway.JobID(newID()), Step: s, State: slipway.JobWaiting})
	}
	return nil
}

// queues are those that a step may ask for: of the environments, as configured,
// and of any agent that ever came.
func (d *Dispatch) queues(ctx context.Context) ([]slipway.Queue, error) {
	var known []slipway.Queue
	add := func(q slipway.Queue) {
		if !slices.Contains(known, q) {
			known = append(known, q)
		}
	}
	environments, err := d.Store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range environments {
		add(e.Queue)
	}
	for _, q := range d.Queues {
		add(q)
	}
	agents, err := d.Store.Agents(ctx)
	for _, a := range agents {
		add(a.Queue)
	}
	return known, err
}

// authority is what the jobs of a build may do, by the server's policy: those
// of the default branch deploy from the queues of the environments. Nothing
// that was pushed has a say.
func authority(p slipway.Push, defaultBranch string, all slipway.Environments) slipway.Authority {
	a := slipway.Authority{Way: all.Way()}
	if defaultBranch == "" || p.Branch() != defaultBranch {
		return a
	}
	a.Deploy = map[slipway.Queue][]slipway.EnvironmentName{}
	for _, e := range all {
		a.Deploy[e.Queue] = append(a.Deploy[e.Queue], e.Name)
	}
	return a
}

// newID makes an ID that sorts by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
