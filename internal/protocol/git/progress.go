package git

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-cd/slipway"
)

// progress is what a pusher was told of one build.
type progress struct {
	url   string
	story Story
	told  map[slipway.JobID]slipway.JobState // last state that was told
	begun bool
	title int // widths of the columns
	queue int
}

func newProgress(url string, story Story) *progress {
	return &progress{url: url, story: story, told: map[slipway.JobID]slipway.JobState{}}
}

// advance returns the lines that b adds to what was told, whether it has
// settled, and when to look again at the latest if it has not.
func (p *progress) advance(ctx context.Context, b slipway.Build, now time.Time) (lines []string, settled bool, again time.Duration) {
	if !p.begun {
		p.begun = true
		lines = append(lines, p.header(b)...)
	}
	p.measure(b)
	again = lookAgain
	for i := range b.Jobs {
		j := &b.Jobs[i]
		if j.Step.Kind != slipway.StepCommand || p.told[j.ID].Ended() {
			continue
		}
		if j.State.Ended() {
			p.told[j.ID] = j.State
			lines = append(lines, p.ended(ctx, b, *j)...)
			continue
		}
		since, what := waiting(*j)
		if since.IsZero() || p.told[j.ID] == j.State {
			continue
		}
		if left := longStep - now.Sub(since); left > 0 {
			again = min(again, left)
			continue
		}
		p.told[j.ID] = j.State
		lines = append(lines, p.line("…", j.Step.Title(), string(j.Step.Queue()), what))
	}
	if b.State == slipway.BuildBlocked || b.State.Ended() {
		return append(lines, p.footer(b)...), true, 0
	}
	return lines, false, again
}

// waiting says since when a job is in a state that is worth a line once it
// lasts, and what that line is.
func waiting(j slipway.Job) (since time.Time, what string) {
	switch j.State {
	case slipway.JobReady:
		return j.ReadyAt, fmt.Sprintf("waits for an agent of queue %s", j.Step.Queue())
	case slipway.JobRunning:
		if a := j.Last(); a != nil {
			return a.StartedAt, "running on " + plain(a.AgentName)
		}
	default:
	}
	return time.Time{}, ""
}

func (p *progress) header(b slipway.Build) []string {
	return []string{
		fmt.Sprintf("slipway  build %d of %s  ·  %s %q by %s", b.Number, b.Push.Repository,
			b.Commit.Commit.Short(), plain(b.Commit.Subject()), plain(b.Commit.AuthorName)),
		fmt.Sprintf("         %s/builds/%s", p.url, b.Slug()),
	}
}

// ended tells how a job ended.
func (p *progress) ended(ctx context.Context, b slipway.Build, j slipway.Job) []string {
	title, queue := j.Step.Title(), string(j.Step.Queue())
	switch j.State {
	case slipway.JobPassed:
		return []string{p.line("✓", title, queue, took(j), p.story.Outcome(ctx, b, j))}
	case slipway.JobSkipped:
		return []string{p.line("○", title, queue, "skipped", j.Why)}
	case slipway.JobCanceled:
		return []string{p.line("✗", title, queue, took(j), "canceled")}
	case slipway.JobFailed, slipway.JobTimedOut:
		lines := []string{p.line("✗", title, queue, took(j), reason(j))}
		for _, l := range p.story.Tail(ctx, b, j, 10) {
			lines = append(lines, "      "+plain(l))
		}
		return lines
	default: // broken: what it needed has told its story
		return nil
	}
}

// reason says why a job failed.
func reason(j slipway.Job) string {
	a := j.Last()
	switch {
	case j.Why != "":
		return j.Why
	case j.State == slipway.JobTimedOut:
		return "timed out after " + seconds(j.Step.Timeout)
	case a != nil && a.Signal != "":
		return "ended by " + a.Signal
	case a != nil:
		return fmt.Sprintf("exit %d", a.ExitStatus)
	}
	return ""
}

// footer tells how a build settled.
func (p *progress) footer(b slipway.Build) []string {
	switch b.State {
	case slipway.BuildBlocked:
		return p.blocked(b)
	case slipway.BuildPassed:
		return []string{p.line("✓", "passed", "", seconds(b.FinishedAt.Sub(b.CreatedAt)))}
	case slipway.BuildCanceled:
		return append([]string{p.line("✗", "canceled", "", seconds(b.FinishedAt.Sub(b.CreatedAt)))}, p.why(b)...)
	default:
		if b.Why != "" {
			return append([]string{p.line("✗", "failed", "")}, p.why(b)...)
		}
		return []string{p.line("✗", "failed", "", seconds(b.FinishedAt.Sub(b.CreatedAt)), "see why: slipway build "+b.Slug())}
	}
}

func (p *progress) why(b slipway.Build) (lines []string) {
	if b.Why == "" {
		return nil
	}
	for l := range strings.SplitSeq(b.Why, "\n") {
		lines = append(lines, "    "+plain(l))
	}
	return lines
}

// blocked says what a person must do and what they would let pass.
func (p *progress) blocked(b slipway.Build) (lines []string) {
	for _, j := range b.Jobs {
		if j.State != slipway.JobBlocked {
			continue
		}
		name := "blocked"
		if j.Step.Label != "" {
			name += ": " + j.Step.Label
		}
		if j.Step.Prompt != "" {
			name += " (" + j.Step.Prompt + ")"
		}
		lines = append(lines, p.line("■", name, "", "waiting for someone to unblock: slipway unblock "+b.Slug()))
	}
	for _, j := range b.Jobs {
		if j.State == slipway.JobWaiting && j.Step.Kind == slipway.StepCommand {
			lines = append(lines, p.line(" ", j.Step.Title(), string(j.Step.Queue())))
		}
	}
	return lines
}

// measure makes the columns as wide as the build needs.
func (p *progress) measure(b slipway.Build) {
	for _, j := range b.Jobs {
		if j.Step.Kind == slipway.StepCommand {
			p.title = max(p.title, min(utf8.RuneCountInString(plain(j.Step.Title())), 40)+3)
			p.queue = max(p.queue, len(j.Step.Queue())+2)
		}
	}
}

// line lays one line out in columns.
func (p *progress) line(mark, title, queue string, rest ...string) string {
	title = plain(title)
	cells := []string{"  " + mark + " "}
	if queue == "" {
		cells = append(cells, pad(title, p.title+p.queue))
	} else {
		cells = append(cells, pad(title, p.title), pad(queue, p.queue))
	}
	for i, r := range rest {
		if r = plain(r); i < len(rest)-1 {
			r = pad(r, 8)
		}
		cells = append(cells, r)
	}
	return strings.TrimRight(strings.Join(cells, ""), " ")
}

func pad(s string, width int) string {
	if n := utf8.RuneCountInString(s); n < width {
		return s + strings.Repeat(" ", width-n)
	}
	return s + "  "
}

// took is how long the last attempt of a job ran.
func took(j slipway.Job) string {
	a := j.Last()
	if a == nil || a.StartedAt.IsZero() {
		return ""
	}
	return seconds(a.FinishedAt.Sub(a.StartedAt))
}

// seconds writes a duration as people say it.
func seconds(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0 s"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// plain makes text of strangers safe for a terminal: control characters, which
// begin every escape sequence, become visible.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return '\uFFFD'
		}
		return r
	}, s)
}
