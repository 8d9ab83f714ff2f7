package cgroup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// nothing is no program: who starts it has come as far as to look for it.
const nothing = "/proc/self/nothing"

// probe says why no process can begin in a group below h: a sandbox or an old
// kernel knows no such call, or the kernel ends whoever comes from a group in
// which all were killed once.
func (h Home) probe() (err error) {
	g := h.Group("probe-" + rand.Text())
	defer func() { err = errors.Join(err, g.End()) }()
	sys := &syscall.SysProcAttr{}
	err = g.start(sys, func() error {
		p, err := os.StartProcess(nothing, []string{nothing}, &os.ProcAttr{Sys: sys})
		if err == nil {
			_, _ = p.Wait()
		}
		return err
	})
	switch {
	case err == nil:
		return fmt.Errorf("the kernel ends what begins below %s", h.dir)
	case errors.Is(err, fs.ErrNotExist) && g.Exists():
		return nil
	}
	return fmt.Errorf("nothing can begin below %s: %w", h.dir, err)
}
