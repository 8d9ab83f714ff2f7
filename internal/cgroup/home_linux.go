package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Own finds the group that this process is in, in whichever place cgroup2 is
// mounted. Its error says why no groups can be made there.
func Own() (Home, error) {
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Home{}, err
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Home{}, err
	}
	return own(string(mounted), string(self))
}

func own(mountinfo, self string) (Home, error) {
	group, ok := unified(self)
	if !ok {
		return Home{}, errors.New("the kernel has no cgroup2")
	}
	err := errors.New("cgroup2 is not mounted")
	for _, m := range mounts(mountinfo) {
		dir, ok := m.place(group)
		if !ok {
			err = fmt.Errorf("cgroup2 at %s does not show the group of this process", m.dir)
			continue
		}
		if err = usable(dir); err == nil {
			err = Home{dir}.probe()
		}
		if err == nil {
			return Home{dir}, nil
		}
	}
	return Home{}, err
}

// unified reads /proc/PID/cgroup: the line of version 2 is "0::/GROUP".
func unified(self string) (group string, ok bool) {
	for line := range strings.Lines(self) {
		if group, ok = strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return group, true
		}
	}
	return "", false
}

// mount is a place where cgroup2 is seen, from the group root downwards.
type mount struct{ root, dir string }

// mounts reads /proc/PID/mountinfo, proc(5): the fourth and fifth field are root
// and directory, the type follows a field "-" after any number of others.
func mounts(mountinfo string) []mount {
	var all []mount
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		if kind, _, _ := strings.Cut(after, " "); kind != "cgroup2" {
			continue
		}
		if f := strings.Fields(before); len(f) >= 6 {
			all = append(all, mount{plain(f[3]), plain(f[4])})
		}
	}
	return all
}

// plain undoes what mountinfo does to characters that would break its lines.
var plain = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// place is where m shows group.
func (m mount) place(group string) (dir string, ok bool) {
	if path.Clean(group) != group || path.Clean(m.root) != m.root || strings.HasPrefix(group, "/..") || strings.HasPrefix(m.root, "/..") {
		return "", false // outside of what this process may see
	}
	rest, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return filepath.Join(m.dir, rest), true
}

// usable says why no group can be made below dir and entered from there.
func usable(dir string) error {
	if !isGroup(dir) {
		return fmt.Errorf("%s is no cgroup2", dir)
	}
	for _, name := range []string{dir, filepath.Join(dir, "cgroup.procs")} {
		switch err := unix.Access(name, unix.W_OK); {
		case errors.Is(err, syscall.EROFS):
			return fmt.Errorf("%s is read-only", dir)
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
			return fmt.Errorf("this user may not write to %s", dir)
		case err != nil:
			return &os.PathError{Op: "access", Path: name, Err: err}
		}
	}
	return nil
}

func isGroup(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}
