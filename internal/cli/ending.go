package cli

import (
	"fmt"
	"regexp"
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

var instanceID = regexp.MustCompile(`\bi-[0-9a-z]+\b`)

// story is why, log and next.
func (s *screen) story(d api.Deployment) []string {
	var lines []string
	why := cause(d)
	if why != "" {
		lines = append(lines, "  why   "+why)
	}
	if t := d.Tests; t != nil && t.State == string(slipway.TaskFailed) {
		lines = append(lines, "  log   last lines of the tests before traffic:")
		for _, line := range t.LogTail {
			lines = append(lines, "        "+plain(line))
		}
		return append(lines, fmt.Sprintf("  next  slipway logs --deployment %d · mend it · deploy again", d.ID))
	}
	instance := failing(d, why)
	if len(d.LogTail) > 0 {
		lines = append(lines, trimRight("  log   last lines of "+instance)+":")
		for _, line := range d.LogTail {
			lines = append(lines, "        "+plain(line))
		}
	}
	logs := fmt.Sprintf("slipway logs %s %s", d.Service, d.Environment)
	if instance != "" {
		logs += " --instance " + instance
	}
	return append(lines, "  next  "+logs+" · mend it · deploy again")
}

// cause is the newest Why that tells neither how it ended nor how it went back.
func cause(d api.Deployment) string {
	for _, w := range slices.Backward(d.Why) {
		turned := strings.HasPrefix(w.Text, "goes back to @") || strings.HasPrefix(w.Text, "takes @")
		if !outcome(w) && (turned || d.Phase != string(slipway.RolledBack)) {
			return one(w.Text)
		}
	}
	return ""
}

// failing is the instance that a deployment failed for.
func failing(d api.Deployment, why string) string {
	if id := instanceID.FindString(why); id != "" {
		return id
	}
	for _, i := range d.Instances {
		if i.Group == group(d) && i.Phase != "ready" {
			return i.ID
		}
	}
	return ""
}
