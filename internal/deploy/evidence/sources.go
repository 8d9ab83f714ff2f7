package evidence

import "github.com/slipway-cd/slipway"

// sources are what each query answered last.
type sources map[string]source

type source struct {
	why     string // it was no answer; "" when it was one
	unheard bool
}

func (s sources) look(answers []Outside) {
	for _, o := range answers {
		s[o.Name] = source{o.Why, o.Unheard}
	}
}

// unheard is said of failures that nobody counts. A counter that has a label for
// them may be there from the first one on, so that is no mistake; nor is it good news.
const unheard = "there is no counter of its failures, nor was one of any release lately. See that failed is spelled right; where nothing has failed yet, export it as 0, or let failed end in: or 0 * (the expression of all)"

// silent is a query that nothing can be said in favour of the candidate by, and
// why: no news is not good news. With all traffic there is nothing to compare.
func (j *Judge) silent() (name, why string, found bool) {
	if j.weight == slipway.All {
		return "", "", false
	}
	for _, q := range j.rules.Queries {
		if why := j.missing(q.Name); why != "" {
			return q.Name, why, true
		}
	}
	return "", "", false
}

// missing is what is missing of what a query counts; "" when nothing is.
func (j *Judge) missing(query string) string {
	s, answered := j.sources[query]
	switch {
	case !answered:
		return "it has not answered yet"
	case s.why != "":
		return s.why
	case j.canary.outside[query].All == 0:
		return "it has counted nothing of the candidate yet"
	case j.baseline.outside[query].All == 0 && j.weight < slipway.All:
		return "it has counted nothing of what serves beside the candidate yet"
	case s.unheard:
		return unheard
	}
	return ""
}
