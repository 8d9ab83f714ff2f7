package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	const (
		alone  = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		hybrid = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
			"41 31 0:38 / /sys/fs/cgroup/unified rw shared:9 master:2 - cgroup2 cgroup2 rw\n"
		inside  = "50 31 0:38 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
		escaped = "50 31 0:38 / /mnt/with\\040space rw - cgroup2 cgroup rw\n"
		above   = "50 31 0:38 /.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	)
	for _, test := range []struct{ name, mounts, self, want string }{
		{"alone", alone, "0::/user.slice/session-2.scope\n", "/sys/fs/cgroup/user.slice/session-2.scope"},
		{"at the root", alone, "0::/\n", "/sys/fs/cgroup"},
		{"beside version 1", hybrid, "2:cpu:/\n0::/a\n", "/sys/fs/cgroup/unified/a"},
		{"a part is mounted", inside, "0::/docker/ab/job\n", "/sys/fs/cgroup/job"},
		{"the part itself", inside, "0::/docker/ab\n", "/sys/fs/cgroup"},
		{"another part is mounted", inside, "0::/docker/abc\n", ""},
		{"a place with a space", escaped, "0::/a b\n", "/mnt/with space/a b"},
		{"above the namespace", alone, "0::/../other\n", ""},
		{"mounted from above the namespace", above, "0::/a\n", ""},
		{"not mounted", strings.Replace(hybrid, "cgroup2 cgroup2", "tmpfs tmpfs", 1), "0::/a\n", ""},
		{"version 1 only", hybrid, "2:cpu:/\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if group, ok := unified(test.self); ok {
				for _, m := range mounts(test.mounts) {
					if dir, ok := m.place(group); ok {
						got = dir
					}
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A limit is found in whatever group of this process sets it, and where nothing can be
// written: in most containers. What is above what is mounted here is not looked at.
func TestALimitIsFoundAbove(t *testing.T) {
	top := filepath.Join(t.TempDir(), "cgroup")
	group := func(name, most, now string) {
		t.Helper()
		dir := filepath.Join(top, name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"memory.max": most, "memory.current": now, "memory.stat": "inactive_file 10"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	group("..", "50", "0")
	group("system.slice", "1000", "400")
	group("system.slice/slipway.service", "max", "300")
	group("system.slice/slipway.service/inner", "900", "290")
	group("full", "700", "800")
	whole := "30 23 0:26 / " + top + " ro - cgroup2 cgroup2 rw\n"
	for _, test := range []struct {
		name, mounts, self string
		room               int64
		limited            bool
	}{
		{"of a unit's slice", whole, "0::/system.slice/slipway.service\n", 610, true},
		{"of its own", whole, "4:memory:/\n0::/system.slice/slipway.service/inner\n", 610, true},
		{"none", whole, "0::/user.slice\n", 0, false},
		{"at the root", whole, "0::/\n", 0, false},
		{"nothing is left", whole, "0::/full\n", 0, true},
		{"of a container", "30 23 0:26 /docker/ab " + top + "/full ro - cgroup2 cgroup rw\n", "0::/docker/ab\n", 0, true},
		{"seen in two places", "30 23 0:26 /system.slice/slipway.service " + top + "/system.slice/slipway.service/inner ro - cgroup2 cgroup rw\n" + whole,
			"0::/system.slice/slipway.service\n", 610, true},
		{"of version 1", "32 31 0:29 / " + top + " rw - cgroup cgroup rw,memory\n", "4:memory:/full\n", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, limited := room(test.mounts, test.self); got != test.room || limited != test.limited {
				t.Errorf("%d, %v; want %d, %v", got, limited, test.room, test.limited)
			}
		})
	}
}

func TestWhyNot(t *testing.T) {
	ordinary := t.TempDir()
	for _, test := range []struct{ name, mounts, self, want string }{
		{"version 1 only", "", "2:cpu:/\n", "the kernel has no cgroup2"},
		{"not mounted", "", "0::/\n", "cgroup2 is not mounted"},
		{"elsewhere", "5 1 0:3 /a /b rw - cgroup2 c rw\n", "0::/c\n", "cgroup2 at /b does not show the group of this process"},
		{"another file system by now", "5 1 0:3 / " + ordinary + " rw - cgroup2 c rw\n", "0::/\n", ordinary + " is no cgroup2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			home, err := own(test.mounts, test.self)
			if err == nil || err.Error() != test.want || home.Group("x") != "" {
				t.Errorf("%v, %v; want %q and no group", home, err, test.want)
			}
		})
	}
}

// Kernels have been seen to end at once who begins in a fresh group, when it was
// started from one in which all were killed before. That must not be found out
// by instances.
func TestAHomeThatKills(t *testing.T) {
	home, err := Own()
	if err != nil {
		if home != (Home{}) {
			t.Errorf("%v, yet %v", home, err)
		}
		return
	}
	if err := home.probe(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(home.dir, prefix+"probe-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if err := (Home{dir}).probe(); err == nil || !strings.Contains(err.Error(), "nothing can begin below "+dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// A file that says which groups are ours may be wrong.
func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), prefix+"folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	groups := []Group{Group(folder), "."}
	if home, err := Own(); err == nil {
		groups = append(groups, Group(home.dir))
	}
	for _, g := range groups {
		if err := g.End(); err == nil || !strings.HasSuffix(err.Error(), "is no group of ours") {
			t.Errorf("End of %s: %v", g, err)
		}
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
}
