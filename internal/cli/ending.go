package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// ending says how a deployment ended; when it did not succeed also why, the
// last words of the instance, and what to do next.
func (s *screen) ending(d api.Deployment) []string {
	name := slipway.ReleaseName(slipway.ServiceName(d.Service), d.Release)
	served := fmt.Sprintf("%s, %s", release(d.From), count(d.OldReady, "instance"))
	var end string
	switch slipway.Phase(d.Phase) {
	case slipway.Succeeded:
		return []string{fmt.Sprintf("%s %s serves %s: %d of %d ready, after %s", s.paint(green, "✓"), s.paint(bold, name),
			d.Environment, d.NewReady, d.Want, span(&d.CreatedAt, d.FinishedAt, d.CreatedAt))}
	case slipway.Superseded:
		return []string{fmt.Sprintf("○ %s was superseded in %s by a newer deployment, before it began.", name, d.Environment)}
	case slipway.Cancelled:
		return []string{fmt.Sprintf("○ %s was cancelled in %s before it began.", name, d.Environment)}
	case slipway.RolledBack:
		end = fmt.Sprintf("was rolled back in %s. %s serves again (%s).", d.Environment, release(d.From), count(d.OldReady, "instance"))
		if d.From == 0 {
			end = fmt.Sprintf("was taken away from %s. Nothing served there before.", d.Environment)
		}
	case slipway.Stuck:
		end = fmt.Sprintf("is stuck in %s, and %s does not start either. A person must act.", d.Environment, release(d.From))
	case slipway.Failed:
		end = fmt.Sprintf("was refused in %s. What serves (%s) was not touched.", d.Environment, served)
		if d.From == 0 {
			end = fmt.Sprintf("was refused in %s. Nothing served there before.", d.Environment)
		}
	case slipway.Pending, slipway.Progressing, slipway.RollingBack:
		return nil
	}
	return append([]string{s.paint(red, "✗") + " " + s.paint(bold, name) + " " + end}, s.story(d)...)
}

// story is why, log and next.
func (s *screen) story(d api.Deployment) []string {
	var lines []string
	if why := cause(d); why != "" {
		lines = append(lines, "  why   "+why)
	}
	if t := d.Tests; t != nil && t.State == string(slipway.TaskFailed) {
		lines = append(lines, lastLines("the tests before traffic", t.LogTail)...)
		return append(lines, fmt.Sprintf("  next  slipway logs --deployment %d · mend it · deploy again", d.ID))
	}
	lines = append(lines, lastLines(d.Blamed, d.LogTail)...)
	logs := fmt.Sprintf("slipway logs %s %s", d.Service, d.Environment)
	if d.Blamed != "" {
		logs += " --instance " + d.Blamed
	}
	if d.Evidence != nil && (d.Evidence.Verdict == "rollback" || d.Evidence.Verdict == worse) {
		logs = fmt.Sprintf("slipway deployment %d --picture why.svg · ", d.ID) + logs
	}
	if aborted(d) {
		return append(lines, fmt.Sprintf("  next  %s · again: slipway deploy %s %s@%d", logs, d.Environment, d.Service, d.Release))
	}
	return append(lines, "  next  "+logs+" · mend it · deploy again")
}

// lastLines are the last lines that somebody printed, if there are any.
func lastLines(of string, tail []string) []string {
	if len(tail) == 0 {
		return nil
	}
	lines := []string{"  log   last lines of " + of + ":"}
	for _, line := range tail {
		lines = append(lines, "        "+plain(line))
	}
	return lines
}

// wasAborted ends the Why of a deployment that goes back because a person wants
// it. Who does is in the one before it.
const wasAborted = ": it was aborted"

func aborted(d api.Deployment) bool {
	return slices.ContainsFunc(d.Why, func(w api.Why) bool { return strings.HasSuffix(w.Text, wasAborted) })
}

// cause is the newest Why that tells neither how it ended nor how it went back.
func cause(d api.Deployment) string {
	for n, w := range slices.Backward(d.Why) {
		if n > 0 && strings.HasSuffix(w.Text, wasAborted) && strings.Contains(d.Why[n-1].Text, " asked to ") {
			return one(d.Why[n-1].Text)
		}
		turned := strings.HasPrefix(w.Text, "goes back to @") || strings.HasPrefix(w.Text, "takes @")
		if !outcome(w) && (turned || d.Phase != string(slipway.RolledBack)) {
			return one(w.Text)
		}
	}
	return ""
}
