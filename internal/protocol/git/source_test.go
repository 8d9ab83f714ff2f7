package git_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/protocol/git"
)

func TestSource(t *testing.T) {
	w := newWorld(t)
	c := w.clone("mei", "web")
	c.write("pipeline.yml", "steps: []\n")
	c.write("large", strings.Repeat("x", git.MaxFile+10<<10))
	c.write(".gitmodules", `[submodule "ci"]
	path = ci
	url = ../build-scripts.git
[submodule "other"]
	url = ../lib
[submodule "own"]
	url = http://slipway.test/git/own.git
[submodule "far"]
	url = https://example.com/far.git
[submodule "up"]
	url = ../../etc/passwd
[include]
	path = /etc/passwd
`)
	c.must("commit", "-q", "-m", "subject $(id)\n\nbody")
	c.must("push", "slipway", "master")
	commit := slipway.Commit(strings.TrimSpace(c.must("rev-parse", "HEAD")))
	ctx := t.Context()

	info, err := w.git.CommitInfo(ctx, "web", commit)
	want := slipway.CommitInfo{Commit: commit, Message: "subject $(id)\n\nbody", AuthorName: "Mei", AuthorEmail: "mei@example.com"}
	if err != nil || info != want {
		t.Errorf("CommitInfo %+v, %v", info, err)
	}
	if b, err := w.git.File(ctx, "web", commit, "pipeline.yml"); err != nil || string(b) != "steps: []\n" {
		t.Errorf("File %q, %v", b, err)
	}
	modules, err := w.git.Submodules(ctx, "web", commit)
	if err != nil || !slices.Equal(modules, []slipway.RepositoryName{"build-scripts", "lib", "own"}) {
		t.Errorf("Submodules %v, %v", modules, err)
	}
	for _, tt := range []struct {
		commit slipway.Commit
		file   string
		code   slipway.Code
	}{
		{commit, "absent", slipway.NotFound},
		{commit, "", slipway.NotFound}, // the tree itself
		{commit, "large", slipway.TooLarge},
		{commit, "a\nb", slipway.Invalid},
		{"--help", "pipeline.yml", slipway.Invalid},
		{slipway.Commit(strings.Repeat("a", 40)), "pipeline.yml", slipway.NotFound},
	} {
		if _, err := w.git.File(ctx, "web", tt.commit, tt.file); slipway.CodeOf(err) != tt.code {
			t.Errorf("File(%q, %q): %v, want %s", tt.commit, tt.file, err, tt.code)
		}
	}
	if _, err := w.git.CommitInfo(ctx, "web", slipway.Commit(strings.Repeat("a", 40))); slipway.CodeOf(err) != slipway.NotFound {
		t.Errorf("CommitInfo of nothing: %v", err)
	}
}
