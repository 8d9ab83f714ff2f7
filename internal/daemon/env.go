package daemon

import (
	"os"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/internal/state/secret"
)

// secretEnv are variables that a role gets only when it is given them: what the
// database's address or a person's token says is not for agents and routers.
var secretEnv = []string{databaseEnv, "SLIPWAY_TOKEN", secret.KeyFileEnv, secret.CredentialsEnv}

// keyEnv is where the master key is, for the server alone.
func keyEnv() []string {
	var env []string
	for _, name := range []string{secret.KeyFileEnv, secret.CredentialsEnv} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// roleEnv is the environment of a role: what the supervisor was started with,
// but for secrets, and own.
func roleEnv(environ, own []string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(secretEnv, name)
	})
	return append(env, own...)
}
