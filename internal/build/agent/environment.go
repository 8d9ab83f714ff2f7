package agent

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// inherited are the variables of the agent's start that a job gets. Go's own
// have no underscore (but for cgo's rarities): GOOGLE_… is not among them.
var inherited = regexp.MustCompile(`^(PATH|HOME|LANG|TMPDIR|GO[A-Z0-9]*)$`)

// environment is all that the command sees: what is inherited, what the server
// says (BUILDKITE_* and the step's), and what only the agent knows.
func (j *job) environment(dir string) []string {
	env := inherit(j.Env)
	maps.Copy(env, j.spec.Env)
	maps.Copy(env, map[string]string{
		"BUILDKITE_AGENT_ACCESS_TOKEN":    j.spec.Token,
		"BUILDKITE_AGENT_ENDPOINT":        strings.TrimSuffix(endpoint(j.servers.now()), "/"),
		"BUILDKITE_AGENT_ID":              j.me.UUID,
		"BUILDKITE_AGENT_NAME":            j.me.Name,
		"BUILDKITE_AGENT_META_DATA_QUEUE": string(j.Queue),
		"BUILDKITE_BUILD_CHECKOUT_PATH":   dir,
		"BUILDKITE_JOB_ID":                j.spec.ID,
		"PATH":                            j.path("bin") + string(os.PathListSeparator) + env["PATH"],
	})
	if others := j.servers.others(); len(others) > 0 { // that stand in for the endpoint's
		env["SLIPWAY_SERVERS"] = strings.Join(append([]string{j.servers.now().String()}, others...), ",")
	}
	return list(env)
}

// inherit picks what jobs get of an environment.
func inherit(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && inherited.MatchString(name) {
			env[name] = value
		}
	}
	if env["PATH"] == "" {
		env["PATH"] = "/usr/local/bin:/usr/bin:/bin"
	}
	return env
}

func list(env map[string]string) []string {
	out := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}

var secretName = regexp.MustCompile(`(?i)_(TOKEN|SECRET|PASSWORD|PASSWD|PRIVATE_KEY|SECRET_KEY|ACCESS_KEY|API_KEY|CONNECTION_STRING)$`)

// secrets are what the log must not show.
func (j *job) secrets() []string {
	secrets := []string{j.spec.Token, j.me.AccessToken, j.Token}
	for name, value := range j.spec.Env {
		if secretName.MatchString(name) {
			secrets = append(secrets, value)
		}
	}
	return secrets
}
