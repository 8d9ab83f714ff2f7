package slipway

import "strings"

// Query asks a Prometheus server for counts of a release: counters, of which only
// what comes to them while the candidate serves is judged. Where nothing has failed
// yet, there need be no counter that says so; where none was there of any release
// lately, nothing is said in favour of the candidate, for its name may be wrong.
type Query struct {
	Name       string // of what it counts, for people
	Prometheus string // base URL of the server
	Failed     string // PromQL of counters; $release, $service and $environment stand for those of a group
	All        string // PromQL of the counters that Failed is a part of
}

// Bounds of queries.
const (
	MaxQueryName = 40   // characters
	MaxQuery     = 2000 // of each expression, characters
)

// own are names of what is judged by anyhow.
const own = "errors latency refusals logs exceptions guard"

// validate returns an Invalid error that says what is wrong with the query.
func (q Query) validate() error {
	switch {
	case q.Name == "" || len(q.Name) > MaxQueryName:
		return Errorf(Invalid, "the name of a query must have 1 to %d characters", MaxQueryName)
	case strings.Contains(" "+own+" ", " "+q.Name+" "):
		return Errorf(Invalid, "a query must not be named %s, as what routers count is", q.Name)
	case max(len(q.Failed), len(q.All)) > MaxQuery:
		return Errorf(Invalid, "the expressions of query %s must have at most %d characters", q.Name, MaxQuery)
	case !strings.Contains(q.Failed, "$release") || !strings.Contains(q.All, "$release"):
		return Errorf(Invalid, "query %s must name $release in failed and in all, or both groups would seem to be alike", q.Name)
	}
	return nil
}
