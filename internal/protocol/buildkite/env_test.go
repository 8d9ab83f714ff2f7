package buildkite

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
)

// What a pipeline sets cannot make a job be another than it is; what strangers
// chose stays data.
func TestAPipelineCannotPretend(t *testing.T) {
	own := map[string]string{
		"BUILDKITE_BRANCH": "master", "BUILDKITE_REPO": "https://evil.example/x.git", "BUILDKITE_COMMIT": "main",
		"BUILDKITE_COMMAND": "rm -rf /", "BUILDKITE_AGENT_ENDPOINT": "https://evil.example", "BUILDKITE_AGENT_ACCESS_TOKEN": "mine",
		"BUILDKITE_BUILD_AUTHOR": "ada", "BUILDKITE_TAG": "v1", "BUILDKITE_TIMEOUT": "99999", "BUILDKITE_PIPELINE_SLUG": "payments", "CI": "no",
		"BUILDKITE_CLEAN_CHECKOUT": "true", "DEPLOYMENT_ENV": "prod", "WHERE": "$BUILDKITE_BRANCH", "AUTHOR": "${BUILDKITE_BUILD_AUTHOR}",
	}
	s := &server{Config{URL: "http://127.0.0.1:7070"}}
	for name, a := range map[string]slipway.Assignment{
		"pipeline": {Build: slipway.Build{Env: own}}, "step": {Job: slipway.Job{Step: slipway.Step{Env: own}}},
	} {
		a.Token = "slj_1"
		a.Build.Push = slipway.Push{Repository: "web", Ref: "refs/heads/x$(id>&2)"}
		a.Build.Commit = slipway.CommitInfo{Commit: slipway.Commit(strings.Repeat("a", 40)), AuthorName: "`id`\x00", Message: strings.Repeat("m", 100<<10)}
		a.Job.Step.Command = "true"
		env := s.env(a)
		for k, want := range map[string]string{
			"BUILDKITE_BRANCH": "x$(id>&2)", "BUILDKITE_REPO": "http://127.0.0.1:7070/git/web.git", "BUILDKITE_COMMIT": strings.Repeat("a", 40),
			"BUILDKITE_COMMAND": "true", "BUILDKITE_AGENT_ENDPOINT": "http://127.0.0.1:7070/agent/v3", "BUILDKITE_AGENT_ACCESS_TOKEN": "slj_1",
			"BUILDKITE_BUILD_AUTHOR": "`id`", "BUILDKITE_TAG": "", "BUILDKITE_TIMEOUT": "false", "BUILDKITE_PIPELINE_SLUG": "web", "CI": "no",
			"BUILDKITE_CLEAN_CHECKOUT": "true", "DEPLOYMENT_ENV": "prod", "WHERE": "x$(id>&2)", "AUTHOR": "`id`",
			"BUILDKITE_MESSAGE": strings.Repeat("m", 64<<10),
		} {
			if env[k] != want {
				t.Errorf("%s: %s is %.80q, want %.80q", name, k, env[k], want)
			}
		}
	}
}
