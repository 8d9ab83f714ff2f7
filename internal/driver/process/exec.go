package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// exec asks a command of the instance's image.
func (p *prober) exec(ctx context.Context, argv []string, within time.Duration) (ok bool, why string, starved bool) {
	what := "exec " + strings.Join(argv, " ")
	how, said, late, starved := p.try(ctx, argv, within)
	switch {
	case late:
		return false, excerpt(fmt.Sprintf("%s: no answer within %v", what, within), said), starved
	case how == "exit 0":
		return true, "", false
	}
	return false, excerpt(what+" → "+how, said), false
}

// maxSaid is how much is kept of what a command says.
const maxSaid = 4 << 10

// try runs a command of the instance's image beside its child: in its folder,
// with its environment, in its control group and in a process group of its own,
// which ends with it. starved says that a late one got no time to run.
func (n *nursery) try(ctx context.Context, s Spec, argv []string, within time.Duration) (how, said string, late, starved bool) {
	r, w, err := os.Pipe()
	if err != nil {
		return reason(err), "", false, false
	}
	defer func() { _ = r.Close() }()
	var pid atomic.Int64
	felt := feel(within, func() int { return int(pid.Load()) })
	over := time.NewTimer(within)
	defer over.Stop()
	c, err := n.startHelper(s, argv, w)
	_ = w.Close()
	if err != nil {
		felt.end()
		return "cannot start: " + reason(err), "", false, false
	}
	pid.Store(int64(c.id.PID))
	heard := make(chan string, 1)
	go func() { heard <- listen(r) }()
	select {
	case <-c.exited:
		felt.end()
	case <-ctx.Done():
		late = true
	case <-over.C:
		late, starved = true, felt.end()
	}
	if late {
		n.signalGroup(c, syscall.SIGKILL)
		<-c.exited
	}
	_ = r.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // it may have left somebody outside of its group who holds the pipe
	return c.how, <-heard, late, starved
}

// listen keeps the beginning of what is said, and takes in the rest.
func listen(r io.Reader) string {
	said, _ := io.ReadAll(io.LimitReader(r, maxSaid))
	_, _ = io.Copy(io.Discard, r)
	return strings.ToValidUTF8(string(said), "?")
}

// startHelper starts a command that says something to out.
func (n *nursery) startHelper(s Spec, argv []string, out *os.File) (*child, error) {
	if ok, why, _ := n.vault.look(); !ok {
		return nil, errors.New(why)
	}
	attr, files, err := n.attributes(s)
	if err != nil {
		return nil, err
	}
	entry, err := findProgram(files, s.Workdir, argv[0])
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c, _, err := spawn(filepath.Join(files, entry), argv, attr, out, s.Cgroup.Join)
	if err == nil {
		n.helpers[c.id.PID] = c
	}
	return c, err
}

// findProgram is where a program is inside an image.
func findProgram(files, workdir, name string) (string, error) {
	root, err := os.OpenRoot(files)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	for _, entry := range candidates(name, workdir, nil) {
		if info, err := root.Stat(entry); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return entry, nil
		}
	}
	return "", errors.New("the image has no program " + name)
}
