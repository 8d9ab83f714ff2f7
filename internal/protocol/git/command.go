package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// settings are the configuration that git runs with here. They come by the
// environment, where they outrank any file, so no repository can loosen them.
var settings = [][2]string{
	{"safe.directory", "*"},
	{"http.receivepack", "true"},
	{"transfer.fsckObjects", "true"},
	{"receive.denyNonFastForwards", "false"},
	{"receive.denyDeletes", "false"},
	{"receive.maxInputSize", strconv.Itoa(maxPush)},
	{"uploadpack.allowReachableSHA1InWant", "true"}, // a job's commit, when its branch has moved on
	{"gc.autoDetach", "false"},
	{"core.logAllRefUpdates", "true"},
	{"core.sharedRepository", "0600"}, // with nobody
	{"core.quotePath", "false"},
	{"i18n.logOutputEncoding", "UTF-8"},
}

// environment is what git and its children see: nothing of ours, nothing of the
// user's, no prompt, and only the hook that we wrote.
func (s *Server) environment() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.root(), "LC_ALL=C.UTF-8", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_LITERAL_PATHSPECS=1",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)+1),
		"GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=" + s.hooks(),
	}
	for i, kv := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i+1, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i+1, kv[1]))
	}
	return env
}

// run runs git in dir, without a shell, and returns what it printed, at most
// bound bytes of it.
func (s *Server) run(ctx context.Context, dir string, stdin io.Reader, bound int, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, complaint := &bounded{left: bound}, &bounded{left: 4 << 10}
	cmd := exec.CommandContext(ctx, s.git, args...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, s.environment(), stdin, out, complaint
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case out.full:
		return nil, errTooMuch
	case err != nil:
		return nil, fmt.Errorf("git %s: %w: %s", args[0], errors.Join(err, ctx.Err()), strings.TrimSpace(complaint.kept.String()))
	}
	return out.kept.Bytes(), nil
}

// bounded keeps what is written to it and fails once that is too much.
type bounded struct {
	kept bytes.Buffer // not embedded: its ReadFrom knows no bound
	left int
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		b.full = true
		return 0, errTooMuch
	}
	return b.kept.Write(p)
}
