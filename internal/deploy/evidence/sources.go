package evidence

import "github.com/slipway-cd/slipway"

// sources are why each query was no answer when it was last asked; "" when it was
// one.
type sources map[string]string

func (s sources) look(answers []Outside) {
	for _, o := range answers {
		s[o.Name] = o.Why
	}
}

// silent is a query that nothing can be said in favour of the candidate by, and
// why: no news is not good news. With all traffic there is nothing to compare.
func (j *Judge) silent() (name, why string, found bool) {
	if j.weight == slipway.All {
		return "", "", false
	}
	for _, q := range j.rules.Queries {
		why, answered := j.sources[q.Name]
		switch {
		case !answered:
			return q.Name, "it has not answered yet", true
		case why != "":
			return q.Name, why, true
		case j.canary.outside[q.Name].All == 0:
			return q.Name, "it has counted nothing of the candidate yet", true
		case j.baseline.outside[q.Name].All == 0:
			return q.Name, "it has counted nothing of what serves beside the candidate yet", true
		}
	}
	return "", "", false
}
