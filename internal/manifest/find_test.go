package manifest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("slipway.yaml", good) // outside of the repository: never found
	write("repo/.git/HEAD", "ref: refs/heads/master\n")
	write("repo/a/slipway.yaml", good)
	write("repo/a/cmd/x/main.go", "")
	write("repo/a/ci/.git", "gitdir: ../../.git/modules/ci\n")
	write("repo/a/ci/bin/test", "")
	write("repo/a/worktree/.git", "gitdir: /elsewhere/.git/worktrees/w\n")
	write("repo/b/main.go", "")
	for _, tc := range []struct{ dir, want string }{
		{"repo/a", "repo/a/slipway.yaml"},
		{"repo/a/cmd/x", "repo/a/slipway.yaml"},
		{"repo/a/ci/bin", "repo/a/slipway.yaml"}, // a submodule
		{"repo/a/worktree", ""},
		{"repo/b", ""},
	} {
		got, err := Find(filepath.Join(root, tc.dir))
		if tc.want == "" {
			if slipway.CodeOf(err) != slipway.NotFound {
				t.Errorf("%s: %q, %v", tc.dir, got, err)
			}
		} else if want := filepath.Join(root, tc.want); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", tc.dir, got, err, want)
		}
	}

	m, text, err := Load(filepath.Join(root, "repo/a/slipway.yaml"))
	if err != nil || m.Service != "a" || string(text) != good {
		t.Errorf("Load: %+v %q %v", m, text, err)
	}
	if _, _, err := Load(filepath.Join(root, "none.yaml")); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("Load of nothing: %v", err)
	}
}
