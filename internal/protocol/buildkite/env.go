package buildkite

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/buildkite/interpolate"

	"github.com/slipway-cd/slipway"
)

// maxValue bounds a variable that a stranger can choose, such as a commit's
// message.
const maxValue = 64 << 10

// env is the environment of a job: what scripts rely on, then the pipeline's
// own variables, then the step's. Values of the latter two may name variables;
// a value is data and never becomes part of a command. What scripts rely on
// stays what it is, as in Buildkite: a pipeline cannot say that it runs on
// another branch, or check out another repository.
func (s *server) env(a slipway.Assignment) map[string]string {
	b, j := a.Build, a.Job
	branch := b.Push.Branch()
	if branch == "" {
		branch = b.Push.Tag() // as Buildkite has it, scripts rely on it
	}
	env := map[string]string{
		"BUILDKITE":                         "true",
		"CI":                                "true",
		"BUILDKITE_AGENT_ACCESS_TOKEN":      a.Token,
		"BUILDKITE_AGENT_ENDPOINT":          s.endpointURL(),
		"BUILDKITE_AGENT_ID":                string(a.Attempt.Agent),
		"BUILDKITE_AGENT_NAME":              a.Attempt.AgentName,
		"BUILDKITE_AGENT_META_DATA_QUEUE":   string(j.Step.Queue()),
		"BUILDKITE_BRANCH":                  branch,
		"BUILDKITE_BUILD_AUTHOR":            b.Commit.AuthorName,
		"BUILDKITE_BUILD_AUTHOR_EMAIL":      b.Commit.AuthorEmail,
		"BUILDKITE_BUILD_CREATOR":           b.Push.Actor.Person(),
		"BUILDKITE_BUILD_ID":                string(b.ID),
		"BUILDKITE_BUILD_NUMBER":            strconv.Itoa(b.Number),
		"BUILDKITE_BUILD_URL":               s.URL + "/builds/" + b.Slug(),
		"BUILDKITE_COMMAND":                 j.Step.Command,
		"BUILDKITE_COMMIT":                  string(b.Commit.Commit),
		"BUILDKITE_JOB_ID":                  string(j.ID),
		"BUILDKITE_LABEL":                   j.Step.Label,
		"BUILDKITE_MESSAGE":                 b.Commit.Message,
		"BUILDKITE_ORGANIZATION_SLUG":       "slipway",
		"BUILDKITE_PIPELINE_DEFAULT_BRANCH": a.Repository.DefaultBranch,
		"BUILDKITE_PIPELINE_NAME":           string(b.Push.Repository),
		"BUILDKITE_PIPELINE_PROVIDER":       "git",
		"BUILDKITE_PIPELINE_SLUG":           string(b.Push.Repository),
		"BUILDKITE_PULL_REQUEST":            "false",
		"BUILDKITE_REBUILT_FROM_BUILD_ID":   "",
		"BUILDKITE_REPO":                    s.URL + "/git/" + string(b.Push.Repository) + ".git",
		"BUILDKITE_RETRY_COUNT":             strconv.Itoa(a.Attempt.Number - 1),
		"BUILDKITE_SOURCE":                  "webhook",
		"BUILDKITE_STEP_ID":                 string(j.ID),
		"BUILDKITE_STEP_KEY":                j.Step.Key,
		"BUILDKITE_TAG":                     b.Push.Tag(),
		"BUILDKITE_TIMEOUT":                 "false",
		"BUILDKITE_ARTIFACT_PATHS":          "",
		"BUILDKITE_PARALLEL_JOB":            "0",
		"BUILDKITE_PARALLEL_JOB_COUNT":      "1",
	}
	if j.Step.Timeout > 0 {
		env["BUILDKITE_TIMEOUT"] = strconv.Itoa(int(j.Step.Timeout.Minutes()))
	}
	for k, v := range env {
		env[k] = clean(v)
	}
	given := maps.Clone(env)
	delete(given, "CI")
	// The pipeline's own variables know each other already; what is left to fill
	// in is what only the job knows.
	for _, own := range []map[string]string{b.Env, j.Step.Env} {
		for _, k := range slices.Sorted(maps.Keys(own)) {
			if _, is := given[k]; !is {
				env[k] = clean(fill(own[k], env))
			}
		}
	}
	return env
}

// fill replaces the variables in a value that the pipeline could not know. One
// that would get too long, or demands what is not there, stays as it is written.
func fill(value string, known map[string]string) string {
	names, err := interpolate.Identifiers(value)
	long := len(value)
	for _, n := range names {
		long += len(known[n])
	}
	if err != nil || long > maxValue {
		return value
	}
	filled, err := interpolate.Interpolate(interpolate.NewMapEnv(known), value)
	if err != nil {
		return value
	}
	return filled
}

// clean makes a value fit for an environment, which holds no zero bytes.
func clean(v string) string {
	v = strings.ReplaceAll(v, "\x00", "")
	if len(v) > maxValue {
		v = strings.ToValidUTF8(v[:maxValue], "")
	}
	return v
}
