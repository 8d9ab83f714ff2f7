package evidence

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// words say a verdict to people.
func (j *Judge) words(v Verdict) string {
	switch v.Decision {
	case Rollback:
		return fmt.Sprintf("ROLLED BACK %s: %s. Evidence %s to 1.", j.after(v), j.reason(v), to1(v.Evidence))
	case Worse:
		return fmt.Sprintf("WORSE %s: %s. Evidence %s to 1. Nothing is there to go back to: promote or abort it.", j.after(v), j.reason(v), to1(v.Evidence))
	case ReplaceInstance:
		return fmt.Sprintf("REPLACE %s %s: %s. Without it, evidence is %s to 1: the instance is bad, not the version.",
			v.Instance, j.after(v), j.reason(v), to1(math.Exp(j.without[v.Instance].total())))
	case Promote:
		if j.kind == slipway.Worker {
			return fmt.Sprintf("PROMOTED %s: nothing has alarmed.", j.after(v))
		}
		return fmt.Sprintf("PROMOTED %s: errors at most %g times + %s pp; no latency cut failed its margin.",
			j.after(v), j.rules.Promote.Ratio, number(100*j.rules.Promote.Margin))
	case Continue:
		return fmt.Sprintf("CONTINUE: %d requests; nothing has alarmed, and a tenfold rise is excluded (%s confidence). It is promoted when %s were shown to be as before%s",
			v.CanaryRequests, percent(1-j.rules.Promote.Error), listed(j.pass.lacks(j.rules.Promote.Error)), j.further(", after about %d.", v, v.Need.Promote))
	case Inconclusive:
	}
	return "INCONCLUSIVE: " + j.open(v)
}

// open says why nothing is decided, and what it would take.
func (j *Judge) open(v Verdict) string {
	n := v.CanaryRequests
	if w, part, found := j.mix.mismatch(); found {
		return fmt.Sprintf("%d requests; %s of all came to the candidate, which should have had %s: the counts cannot be compared. Look at the routers, or promote by hand.",
			n, percent(part), percent(float64(w)/float64(slipway.All)))
	}
	if name, why, silent := j.silent(); silent {
		seen := fmt.Sprintf("%d requests", n)
		if j.kind == slipway.Worker {
			seen = fmt.Sprintf("%.1f instance-minutes", j.canary.minutes)
		}
		return fmt.Sprintf("%s; %s: %s. Mend it, wait, or promote by hand.", seen, name, why)
	}
	switch {
	case j.kind == slipway.Worker && j.canary.minutes < 1:
		return fmt.Sprintf("%.1f instance-minutes; at least one is needed.", j.canary.minutes)
	case j.kind == slipway.Worker:
		return fmt.Sprintf("%.1f instance-minutes, with %s errors logged in each against %s: too many to promote it, and too few to send it back yet. Wait, or promote by hand.",
			j.canary.minutes, number(j.canary.lines/j.canary.minutes), number(j.baseline.lines/j.baseline.minutes))
	}
	switch {
	case n == 0:
		return "no requests yet."
	case j.first:
		return fmt.Sprintf("%d requests, errors %s with nothing beside it; %s are tolerated, and nothing has alarmed.", n, percent(j.canary.rate()), set(j.rules.SLO))
	case j.weight == slipway.All:
		return fmt.Sprintf("%d requests; nothing has alarmed, and nothing serves beside it that it could be compared with.", n)
	case v.Need.Continue == 0:
		return fmt.Sprintf("%d requests; nothing has alarmed, and nobody can tell how many would be enough. Promote by hand.", n)
	}
	return fmt.Sprintf("%d requests%s", n, j.further("; excluding a tenfold rise would need about %d.", v, v.Need.Continue))
}

// further says what more requests would take; where nobody can tell, nothing.
func (j *Judge) further(format string, v Verdict, more uint64) string {
	if more == 0 {
		return "."
	}
	text := fmt.Sprintf(format, round(v.CanaryRequests+more))
	share := float64(j.weight) / float64(slipway.All)
	if v.Need.Rate <= 0 || share <= 0 {
		return text + " Wait, or promote by hand."
	}
	takes := func(share float64) string { return span(time.Duration(float64(more) / (share * v.Need.Rate) * 1e9)) }
	if share < .5 {
		return text + fmt.Sprintf(" Wait (%s), raise the share to 50 %% (%s) or promote by hand.", takes(share), takes(.5))
	}
	return text + fmt.Sprintf(" Wait (%s) or promote by hand.", takes(share))
}

// since says how it went on after an alarm.
func (j *Judge) since(alarm Verdict) string {
	was := alarm.Metrics[0].Canary // errors
	more := Count{j.canary.failed - was.Failed, j.canary.requests - was.All}
	if more.All == 0 {
		return ""
	}
	return fmt.Sprintf(" Since then errors %s of %.0f requests.", percent(more.Rate()), more.All)
}

// after says how much was seen.
func (j *Judge) after(v Verdict) string {
	switch {
	case j.kind == slipway.Worker:
		return fmt.Sprintf("after %.1f instance-minutes (%s)", j.canary.minutes, span(v.Lasted))
	case j.first:
		return fmt.Sprintf("after %d requests (%s)", v.CanaryRequests, span(v.Lasted))
	}
	return fmt.Sprintf("after %d canary requests (%s)", v.CanaryRequests, span(v.Lasted))
}

// reason is of the metric that has most of the evidence.
func (j *Judge) reason(v Verdict) string {
	top := v.Metrics[0]
	for _, m := range v.Metrics {
		if m.Weight*m.E > top.Weight*top.E {
			top = m
		}
	}
	c, b := top.Canary, top.Baseline
	switch top.Name {
	case Errors:
		return errorsOf(v, j.rules.Rollback)
	case Latency:
		return j.slow()
	case Refusals:
		return fmt.Sprintf("answers 4xx %s against %s", percent(c.Rate()), percent(b.Rate()))
	case Logs:
		if j.kind == slipway.Worker {
			return fmt.Sprintf("%s errors logged per instance-minute against %s", number(c.Rate()), number(b.Rate()))
		}
		return fmt.Sprintf("errors logged at %s of requests against %s", percent(c.Rate()), percent(b.Rate()))
	case Exceptions:
		if all := j.Classes(); len(all) > 0 {
			return fmt.Sprintf("errors that the stable group never had: %s (%d times)", all[0].Title, all[0].Canary)
		}
		return "errors that the stable group never had"
	case Guard:
		return fmt.Sprintf("errors %s with nothing beside it; %s are tolerated", percent(c.Rate()), set(j.trial.tolerated(j.past)))
	}
	return fmt.Sprintf("%s %s against %s", top.Name, percent(c.Rate()), percent(b.Rate()))
}

// errorsOf tells of the first metric, which is of errors.
func errorsOf(v Verdict, limit slipway.Bound) string {
	text := fmt.Sprintf("errors %s against %s", percent(v.Metrics[0].Canary.Rate()), percent(v.Metrics[0].Baseline.Rate()))
	if v.RatioLow > 0 {
		text += fmt.Sprintf(", at least %s times worse (%s confidence at any stopping time; limit %g)", number(v.RatioLow), percent(1-limit.Error), limit.Ratio)
	}
	return text
}

// slow names the cut that differs most. What still runs has no latency yet: then
// the quantile does not tell how slow it is.
func (j *Judge) slow() string {
	c, found := j.telling()
	if !found {
		return "it is slower"
	}
	before, tolerated := (c.at + 1).Begin(), (j.rules.Tolerated(c.at, 1) + 1).Begin()
	if now := quantile(j.canary.took, float64(j.canary.took.Total()), 1-c.tail); now > tolerated {
		return fmt.Sprintf("%s is slower, %s against %s; %s would be tolerated", c.name, latency(now), latency(before), latency(tolerated))
	}
	return fmt.Sprintf("%s is slower: it was %s of the stable group, and more of the candidate's requests take longer than %s", c.name, latency(before), latency(tolerated))
}

// telling is the cut that differs most, if one differs.
func (j *Judge) telling() (most cut, found bool) {
	best := 0.0
	for at, c := range j.past.cuts {
		if l := slices.Max(j.trial.latency.plain[at*len(slower) : (at+1)*len(slower)]); l > best {
			most, best, found = c, l, true
		}
	}
	return most, found
}

// listed is: errors, p90 and p95.
func listed(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// percent writes a part of 1 with two digits that count: 0.10 %, 1.1 %, 64 %.
func percent(part float64) string { return number(100*part) + " %" }

// set writes a part of 1 that somebody has set: 1 %, 0.25 %.
func set(part float64) string { return strconv.FormatFloat(100*part, 'g', 3, 64) + " %" }

func number(x float64) string {
	switch {
	case x == 0:
		return "0"
	case math.Abs(x) >= 10:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	digits := 1 - int(math.Floor(math.Log10(math.Abs(x))))
	return strconv.FormatFloat(x, 'f', max(digits, 1), 64)
}

func to1(e float64) string {
	switch {
	case e >= 1e6:
		return "more than 1000000"
	case e >= 10:
		return strconv.FormatFloat(e, 'f', 0, 64)
	}
	return strconv.FormatFloat(e, 'g', 2, 64)
}

// round makes an estimate look like one: two digits that count.
func round(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// span writes a duration as people read it: 0.8 s, 64 s, 53 min, 3.5 h.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// latency writes a latency with two or three digits.
func latency(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
