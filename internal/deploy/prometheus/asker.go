package prometheus

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/deploy/evidence"
)

// Bounds of asking.
const (
	Timeout     = 2 * time.Second // of a question, waiting for its turn included
	maxAtOnce   = 8               // questions, of all targets
	maxBody     = 1 << 20         // of an answer, bytes
	maxCounters = 100             // of a group, that a query may name
	maxWhy      = 200             // characters of what a server says that is wrong
)

// Asker asks. It may be used by many at once.
type Asker struct {
	http  *http.Client
	turns chan struct{}
	past  past
}

// New returns one whose questions go through a client, which knows whom it may
// ask.
func New(c *http.Client) *Asker { return &Asker{http: c, turns: make(chan struct{}, maxAtOnce)} }

// Ask asks every query about the releases of a candidate and of what serves beside
// it; 0: nothing does. It answers in the order of the queries, within [Timeout].
func (a *Asker) Ask(ctx context.Context, t slipway.TargetID, canary, baseline int, queries []slipway.Query) []evidence.Answer {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	answers := make([]evidence.Answer, len(queries))
	var asked sync.WaitGroup
	for n, q := range queries {
		asked.Go(func() { answers[n] = a.answer(ctx, t, canary, baseline, q) })
	}
	asked.Wait()
	return answers
}

func (a *Asker) answer(ctx context.Context, t slipway.TargetID, canary, baseline int, q slipway.Query) evidence.Answer {
	if canary == baseline {
		return evidence.Answer{Name: q.Name, Why: "both groups run release " + strconv.Itoa(canary) + ", which $release cannot tell apart"}
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return evidence.Answer{Name: q.Name, Why: "too much is asked at once"}
	}
	counters, err := a.ask(ctx, q.Prometheus, question(t, canary, baseline, q))
	if err != nil {
		return evidence.Answer{Name: q.Name, Why: reason(q.Prometheus, err)}
	}
	answer := evidence.Answer{
		Name:     q.Name,
		Canary:   evidence.Counters{Failed: counters[canaryFailed], All: counters[canaryAll]},
		Baseline: evidence.Counters{Failed: counters[baselineFailed], All: counters[baselineAll]},
	}
	if len(counters[canaryFailed])+len(counters[baselineFailed]) > 0 || len(counters[canaryAll])+len(counters[baselineAll]) == 0 {
		return answer
	}
	had, err := a.everHad(ctx, q.Prometheus, ever(t, canary, baseline, q))
	if err != nil {
		return evidence.Answer{Name: q.Name, Why: reason(q.Prometheus, err)}
	}
	answer.Unheard = !had
	return answer
}

// mark is the label that tells the parts of a question apart, and its values.
const (
	mark           = "slipway_counts"
	canaryFailed   = "canary_failed"
	canaryAll      = "canary_all"
	baselineFailed = "baseline_failed"
	baselineAll    = "baseline_all"
)

// question puts the counters of both groups into one expression, each marked as
// what it is.
func question(t slipway.TargetID, canary, baseline int, q slipway.Query) string {
	parts := []string{
		marked(canaryFailed, about(t, canary, q.Failed)), marked(canaryAll, about(t, canary, q.All)),
		marked(baselineFailed, about(t, baseline, q.Failed)), marked(baselineAll, about(t, baseline, q.All)),
	}
	if baseline == 0 {
		parts = parts[:2]
	}
	return strings.Join(parts, " or ")
}

// marked labels what an expression finds. It stands on lines of its own, because
// it may end in a comment.
func marked(as, expression string) string {
	return "label_replace((\n" + expression + "\n), \"" + mark + "\", \"" + as + "\", \"\", \"\")"
}

// release stands for one in an expression.
const release = "$release"

// about names a release in an expression. Names of services and environments are
// letters, digits and hyphens: they mean nothing to PromQL.
func about(t slipway.TargetID, of int, expression string) string {
	return strings.NewReplacer(release, strconv.Itoa(of), "$service", string(t.Service), "$environment", string(t.Environment)).Replace(expression)
}
