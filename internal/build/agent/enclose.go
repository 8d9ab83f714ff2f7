package agent

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"

	"github.com/slipway-cd/slipway/internal/cgroup"
)

// enclosed is the file that names the control group of the command that runs:
// it is there before the group is, and until that is gone.
const enclosed = "cgroup"

// settle finds out where control groups can be made, and ends what an agent
// left in one that was killed together with its guard.
func (a *Agent) settle() {
	var err error
	if a.home, err = a.findHome(); err != nil {
		a.Logger.Info("jobs have no control groups: a process that leaves its parents behind outlives a guard that is killed", "why", err)
	}
	left, err := os.ReadFile(a.path(enclosed))
	if err == nil {
		a.release(cgroup.Group(left))
	} else if !errors.Is(err, fs.ErrNotExist) {
		a.Logger.Error("find what a former job has left", "err", err)
	}
}

// enclose names a control group for one command, and writes that down.
func (a *Agent) enclose() (cgroup.Group, error) {
	g := a.home.Group("job-" + rand.Text())
	if g == "" {
		return "", nil
	}
	return g, os.WriteFile(a.path(enclosed), []byte(g), 0o600)
}

// release ends what is left in a group. One that cannot be ended stays written
// down until the next command.
func (a *Agent) release(g cgroup.Group) {
	err := g.End()
	if err == nil {
		if err = os.Remove(a.path(enclosed)); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	if err != nil {
		a.Logger.Error("end what a job has left", "err", err)
	}
}
