package cli

import (
	"context"
	"net/url"
	"os/exec"
	"path"
	"strconv"
	"strings"

	"github.com/slipway-cd/slipway"
)

// slug reads REPOSITORY/NUMBER, or NUMBER alone in a checkout that has the
// remote "slipway".
func slug(ctx context.Context, s string) (repository string, number int, err error) {
	repository, digits, ok := strings.Cut(s, "/")
	if !ok {
		repository, digits = "", s
	}
	number, err = strconv.Atoi(digits)
	if err != nil || number < 1 {
		return "", 0, slipway.Errorf(slipway.Invalid, "%q is not a build; write REPOSITORY/NUMBER, such as thoughts-backend/12", s)
	}
	if repository == "" {
		repository = remoteRepository(ctx)
	}
	if repository == "" {
		return "", 0, slipway.Errorf(slipway.Invalid, "build %d of which repository?", number).Do("write REPOSITORY/%d", number)
	}
	return repository, number, nil
}

// remoteRepository is the repository that the remote "slipway" of the current
// directory names, or "".
func remoteRepository(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "config", "--get", "remote.slipway.url").Output()
	if err != nil {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(string(out)))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path.Base(u.Path), ".git")
}
