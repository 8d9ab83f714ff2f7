package daemon

import (
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/slipway-cd/slipway"
)

// failpointsEnv names a file. When that holds the line "POINT SERVICE/ENV" and
// the server comes to that point of a deployment that moves the target, the
// server renames the file to FILE.hit and kills itself with SIGKILL: the demo
// and the tests pick the moment of a crash with it. "POINT SERVICE/ENV stop" has
// it stop itself with SIGSTOP, and go on from there with SIGCONT.
const failpointsEnv = "SLIPWAY_FAILPOINTS"

// failpoint is nil unless the variable is set, as in production.
func failpoint(log *slog.Logger) func(string, slipway.TargetID, *slipway.Deployment) {
	file := os.Getenv(failpointsEnv)
	if file == "" {
		return nil
	}
	return func(point string, t slipway.TargetID, d *slipway.Deployment) {
		if d == nil || d.Phase != slipway.Progressing {
			return
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return
		}
		wanted, stops := strings.CutSuffix(strings.TrimSpace(string(text)), " stop")
		if wanted != point+" "+t.String() || os.Rename(file, file+".hit") != nil {
			return
		}
		if stops {
			log.Warn("failpoint: stopping myself", "point", point, "target", t.String(), "deployment", d.ID)
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			return
		}
		log.Warn("failpoint: killing myself", "point", point, "target", t.String(), "deployment", d.ID)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing after this point may happen
	}
}
