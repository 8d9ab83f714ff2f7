package sim

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestSeedsThatFoundSomething lives through worlds that have found a fault once
// more.
func TestSeedsThatFoundSomething(t *testing.T) {
	list, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(list)) {
		number, why, found := strings.Cut(line, " ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if r := Run(seed, Options{Tell: true}); r.Violation != "" {
			t.Logf("it has once found that %s", strings.TrimSpace(why))
			complain(t, r)
		}
	}
}
