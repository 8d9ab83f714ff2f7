package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// progress shows a deployment as it goes: stages and traffic that redraw
// themselves on a terminal, one line per fact elsewhere.
type progress struct {
	s     *screen
	paper paper
	first api.Deployment
	told  bool    // anything of its Why
	gates bool    // what let it start is told
	last  api.Why // the newest told

	verdict string         // told last
	toldAt  map[string]int // verdicts, by the stage that they were told in last

	rate   float64 // requests a second
	at     time.Time
	counts uint64
}

func newProgress(s *screen, d api.Deployment) *progress {
	return &progress{s: s, paper: paper{s: s}, first: d, toldAt: map[string]int{}}
}

// show shows d as it is at now.
func (p *progress) show(d api.Deployment, now time.Time) error {
	if !p.s.terminal {
		return p.lines(d)
	}
	p.measure(d, now)
	lines := append(p.stages(d, now), p.traffic(d)...)
	if d.Ended {
		lines = append(lines, p.s.folded(p.s.ending(d))...)
	}
	return p.paper.redraw(lines)
}

// news is what d's Why holds that was not told yet. The list is bounded: its
// oldest entries may have gone.
func (p *progress) news(d api.Deployment) []api.Why {
	from := 0
	if p.told {
		from = 1 + slices.IndexFunc(d.Why, func(w api.Why) bool { return w.At.Equal(p.last.At) && w.Text == p.last.Text })
	}
	news := d.Why[from:]
	if len(news) > 0 {
		p.told, p.last = true, news[len(news)-1]
	}
	return news
}

// lines prints what is new, with times.
func (p *progress) lines(d api.Deployment) error {
	var lines []string
	if p.at.IsZero() {
		p.at = d.CreatedAt
		lines = append(lines, clock(d.CreatedAt)+"  "+p.head(d))
	}
	for _, w := range p.news(d) {
		if d.StartedAt != nil && !w.At.Before(*d.StartedAt) {
			lines = append(lines, p.passed(d)...)
		}
		if !outcome(w) {
			lines = append(lines, clock(w.At)+"  "+one(w.Text))
		}
	}
	lines = append(lines, p.judged(d)...)
	if d.Ended {
		lines = append(lines, p.s.ending(d)...)
	}
	for _, line := range lines {
		if err := p.s.line("%s", line); err != nil {
			return err
		}
	}
	return nil
}

// judged tells what the evidence says when that is another verdict than before, each
// once in a stage: what is shown by a hair is lost and shown again.
// What goes back, or is held because it is worse, is told by its Why.
func (p *progress) judged(d api.Deployment) []string {
	e := d.Evidence
	if e == nil || e.Verdict == p.verdict || len(e.History) == 0 {
		return nil
	}
	p.verdict = e.Verdict
	at, told := p.toldAt[e.Verdict]
	if e.Verdict == "rollback" || e.Verdict == worse || told && at == d.At {
		return nil
	}
	p.toldAt[e.Verdict] = d.At
	return []string{clock(e.History[len(e.History)-1].At) + "  evidence: " + one(e.Why)}
}

// passed tells, once, what the gates said that let d start.
func (p *progress) passed(d api.Deployment) []string {
	if p.gates || len(d.Passed) == 0 {
		return nil
	}
	p.gates = true
	return []string{clock(*d.StartedAt) + "  gates: " + said(d.Passed)}
}

// said is what gates say, in one line: no lock · no freeze.
func said(gates []api.Gate) string {
	var all []string
	for _, g := range gates {
		all = append(all, one(g.Why))
	}
	return strings.Join(all, " · ")
}

func (p *progress) head(d api.Deployment) string {
	s := p.s
	return fmt.Sprintf("%s  %s  %s   %s, %s   %s", s.paint(bold, d.Service), s.paint(bold, d.Environment), fromTo(d),
		d.Strategy, count(d.Want, "instance"), s.paint(dim, fmt.Sprintf("(by %s, %s)", who(d.Actor), d.URL)))
}

func fromTo(d api.Deployment) string {
	switch d.From {
	case 0:
		return release(d.Release)
	case d.Release:
		return release(d.Release) + " anew"
	}
	return release(d.From) + " → " + release(d.Release)
}

func (p *progress) stages(d api.Deployment, now time.Time) []string {
	lines := []string{p.head(d)}
	width := 9
	for _, stage := range d.Stages {
		width = max(width, wide(stage.Title))
	}
	facts := byStage(d)
	if len(d.Passed) > 0 {
		lines = append(lines, fmt.Sprintf("  %s %s  %s", p.s.paint(green, "✓"), pad("gates", width), said(d.Passed)))
	}
	if begin := facts[0]; len(begin) > 0 || d.StartedAt == nil && len(d.Gates) > 0 {
		what := "start"
		if d.StartedAt == nil {
			what = "gates"
		}
		lines = append(lines, trimRight(fmt.Sprintf("  %s %s  %s", p.mark(d, -1), pad(what, width), strings.Join(begin, " · "))))
	}
	if d.StartedAt == nil && !d.Ended {
		lines = append(lines, p.s.waits(d)...)
	}
	for i, stage := range d.Stages {
		line := fmt.Sprintf("  %s %s  %s", p.mark(d, i), pad(stage.Title, width), strings.Join(facts[i+1], " · "))
		if i == d.At && !d.Ended {
			line += p.waiting(d, len(facts[i+1]) > 0, now)
			if held := holding(d, now); held != "" {
				line += "  " + held
			}
		}
		lines = append(lines, trimRight(line))
		if i == d.At && !d.Ended && d.StartedAt != nil {
			lines = append(lines, p.s.testing(d)...)
			lines = append(lines, p.s.folded(p.s.judged(d))...)
			lines = append(lines, p.s.folded(p.s.waits(d))...)
		}
	}
	return lines
}

// byStage puts each Why of d to the stage it tells of; those before the first
// stage come first. A new instance that is ready begins the stage that asks for
// it, and what leaves for it follows; a stage that gives a weight begins when
// it is given.
func byStage(d api.Deployment) [][]string {
	if weighted(d.Stages) {
		return byWeight(d)
	}
	facts := make([][]string, len(d.Stages)+1)
	at, ready := 0, 0
	for _, w := range d.Why {
		if outcome(w) {
			continue
		}
		ready += strings.Count(w.Text, " ready in ")
		for at < len(d.Stages) && ready > 0 && (at == 0 || d.Stages[at-1].New < ready) {
			at++
		}
		facts[at] = append(facts[at], one(w.Text))
	}
	return facts
}

// byWeight puts each Why of d to the stage whose weight was given before it;
// what comes after the beginning and before the first weight is of the first.
func byWeight(d api.Deployment) [][]string {
	facts := make([][]string, len(d.Stages)+1)
	at := 0
	for _, w := range d.Why {
		if outcome(w) || strings.HasPrefix(w.Text, "waits for evidence: ") && bySelf(d, evidenceGate) { // the verdict has a line of its own
			continue
		}
		for i := max(at, 1); i < len(d.Stages); i++ {
			if s := d.Stages[i]; s.Weighted && s.Weight > 0 && strings.HasSuffix(w.Text, " gets "+s.Title+" of the traffic") {
				at = i + 1
				break
			}
		}
		facts[at] = append(facts[at], one(w.Text))
		if at == 0 && d.StartedAt != nil && !w.At.Before(*d.StartedAt) {
			at = 1
		}
	}
	return facts
}

// outcome reports whether a Why tells how the deployment ended, as the ending
// does: @14 serves, @15 was refused.
func outcome(w api.Why) bool {
	return strings.HasPrefix(w.Text, "@") && endings.MatchString(w.Text)
}

var endings = regexp.MustCompile(`^@\d+ (serves|was refused|is gone;|cannot come back)`)

// mark says how stage i is; -1 is before the first.
func (p *progress) mark(d api.Deployment, i int) string {
	s := p.s
	switch {
	case d.Phase == string(slipway.Succeeded), i < d.At && d.StartedAt != nil:
		return s.paint(green, "✓")
	case i > d.At, i == d.At && d.StartedAt == nil:
		return " "
	case d.Ended:
		return s.paint(red, "✗")
	}
	return s.paint(amber, "⠼")
}

// waiting says which new instances are not ready, and why.
func (p *progress) waiting(d api.Deployment, more bool, now time.Time) string {
	var all []string
	for _, i := range d.Instances {
		if i.Group != group(d) || i.Phase == "ready" || i.Phase == "stopping" || i.Phase == "stopped" {
			continue
		}
		line := i.ID + " " + i.Phase + " " + pending
		if i.Why != "" {
			line += " " + one(i.Why)
		}
		if i.Since != nil {
			line += "  " + p.s.paint(dim, took(now.Sub(*i.Since)))
		}
		all = append(all, line)
	}
	if len(all) == 0 {
		return ""
	}
	text := strings.Join(all, " · ")
	if more {
		text = " · " + text
	}
	return text
}

// group is the one that a deployment makes.
func group(d api.Deployment) string { return string(slipway.GroupOf(slipway.DeploymentID(d.ID))) }

const barCells = 21

// traffic draws how traffic is split: [@13 ██████░░░ @14]  33 %.
func (p *progress) traffic(d api.Deployment) []string {
	if d.From == 0 || d.StartedAt == nil {
		return nil
	}
	s := p.s
	after := (d.Weight*barCells + int(slipway.All)/2) / int(slipway.All)
	bar := strings.Repeat("█", barCells-after) + s.paint(green, strings.Repeat("░", after))
	line := fmt.Sprintf("  [%s %s %s]  %3d %%", release(d.From), bar, release(d.Release), d.Weight/100)
	if p.rate >= 0.5 {
		line += fmt.Sprintf("    %.0f requests/s", p.rate)
	}
	if d.Requests > p.first.Requests {
		line += "   " + s.errors(d.Errors-min(p.first.Errors, d.Errors))
	}
	return []string{line}
}

func (s *screen) errors(n uint64) string {
	if n == 0 {
		return "0 errors"
	}
	return s.paint(red, count(int(n), "error"))
}

// measure counts requests over a second or so.
func (p *progress) measure(d api.Deployment, now time.Time) {
	gone := now.Sub(p.at).Seconds()
	switch {
	case p.at.IsZero() || d.Requests < p.counts:
	case gone < 0.8:
		return
	default:
		p.rate = float64(d.Requests-p.counts) / gone
	}
	p.at, p.counts = now, d.Requests
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
