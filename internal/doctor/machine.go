package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/slipway-cd/slipway"
)

// directory looks whether there is an installation, private to its owner.
func directory(p Patient) (found []Finding, there bool) {
	const subject = "data directory"
	info, err := os.Stat(p.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ill(Wrong, subject, p.Dir+" does not exist", "start Slipway, which makes it: slipway up; or name another: --data DIR"), false
	case err != nil:
		return ill(Wrong, subject, "cannot look at "+p.Dir+": "+reason(err), "run this as the user who runs Slipway"), false
	case !info.IsDir():
		return ill(Wrong, subject, p.Dir+" is not a directory", "name another: --data DIR"), false
	case info.Mode().Perm()&0o077 != 0:
		return ill(Wrong, subject, fmt.Sprintf("%s may be read by others (%04o); it holds tokens", p.Dir, info.Mode().Perm()), "chmod 0700 "+p.Dir), true
	}
	f, err := os.CreateTemp(p.Dir, ".doctor-*")
	if err != nil {
		return ill(Wrong, subject, p.Dir+" cannot be written: "+reason(err), "look at who owns it, and whether its disk is full or read-only"), true
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return well(subject, p.Dir+" is private and can be written"), true
}

// Room that a disk should have: below the first nothing new is accepted soon,
// below the second it is time to look.
const (
	tooLittle = 256 << 20
	little    = 2 << 30
)

func disk(_ context.Context, p Patient) []Finding {
	free, err := p.Free(p.Dir)
	text := fmt.Sprintf("%.1f GiB are left", float64(free)/(1<<30))
	remedy := "make room, or move the data directory; \"slipway releases\" shows what is kept"
	switch {
	case err != nil:
		return ill(Worry, "disk", "cannot tell how much room is left: "+reason(err), "")
	case free < tooLittle:
		return ill(Wrong, "disk", text+": pushes and deployments will soon be refused; what serves goes on", remedy)
	case free < little:
		return ill(Worry, "disk", text, remedy)
	}
	return well("disk", text)
}

// tools looks for the programs that Slipway starts.
func tools(ctx context.Context, _ Patient) []Finding {
	var found []Finding
	for _, t := range []struct{ name, why, remedy string }{
		{"git", "pushes need it", "install git (Debian: apt-get install git)"},
		{"bash", "jobs are run by it", "install bash"},
	} {
		if _, err := exec.LookPath(t.name); err != nil {
			found = append(found, ill(Wrong, t.name, "there is no "+t.name+" on the PATH; "+t.why, t.remedy)...)
		}
	}
	if len(found) > 0 {
		return found
	}
	dir, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err == nil {
		_, err = os.Stat(strings.TrimSpace(string(dir)) + "/git-http-backend")
	}
	if err != nil {
		return ill(Wrong, "git", "git has no http-backend, by which repositories are pushed", "install git whole: some systems pack its server apart")
	}
	return well("tools", "git and bash are there")
}

// fewFiles that a process may have open are soon used up: a router needs two for
// each request in flight.
const fewFiles = 4096

func limits(_ context.Context, p Patient) []Finding {
	found := []Finding{}
	if n, err := p.Files(); err == nil && n < fewFiles {
		found = append(found, ill(Worry, "limits", fmt.Sprintf("a process may have %d files open; a router needs two for each request in flight", n),
			"raise it: LimitNOFILE=65536 in the systemd unit, or ulimit -n 65536")...)
	}
	if err := p.Caged(); err != nil {
		found = append(found, ill(Worry, "control groups", "what instances and jobs start is not kept together: "+slipway.MessageOf(err),
			"run Slipway as a systemd unit with Delegate=yes: slipway install")...)
	}
	if len(found) == 0 {
		return well("limits", "instances and jobs run in control groups of their own")
	}
	return found
}

// executor looks whether who starts instances answers, with every instance heard.
func executor(ctx context.Context, p Patient) []Finding {
	if err := p.Executor(ctx); err != nil {
		return ill(Wrong, "executor", "instances cannot be started or looked at: "+reason(err), "start it: slipway up, or alone: slipway executor")
	}
	return well("executor", "it answers, and knows how every instance is")
}

func database(ctx context.Context, p Patient) []Finding {
	if err := p.Database(ctx); err != nil {
		e, ok := errors.AsType[*slipway.Error](err)
		if !ok {
			return ill(Wrong, "database", "it cannot be looked at: "+reason(err), "")
		}
		return ill(Wrong, "database", e.Message, e.Next)
	}
	return well("database", "it is sound")
}

// reason is the innermost part of an error, without the path that the sentence
// around it names already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
