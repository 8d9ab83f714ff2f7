package yamldoc_test

import (
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/yamldoc"
)

func TestRead(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'h'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 8), c-1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"# only this\n", "f:1:1: the file is empty"},
		"no YAML":              {"a: 1\nb: [\n", "not YAML: "},
		"a second document":    {"a: 1\n---\nb: 1\n", "f:2:1: a second document; one file holds one thing"},
		"aliases that swell":   {bomb, "more than 20000 values, counting what aliases repeat"},
		"an alias of itself":   {"a: &a\n  b: *a\n", "nested deeper than 32, counting aliases"},
		"depth":                {strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested deeper than 32"},
		"a tag of its own":     {"a: !mine b\n", "f:1:4: the tag !mine is not supported"},
		"nothing wrong":        {"a: 1\n", ""},
		"an alias, no problem": {"a: &a {b: 1}\nc: *a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &yamldoc.Problems{File: "f"}
			n := yamldoc.Read(p, []byte(c.text), "thing")
			err := p.Err("")
			if c.want == "" && (n == nil || err != nil) {
				t.Errorf("%v, %v", n, err)
			}
			if c.want != "" && (slipway.CodeOf(err) != slipway.Invalid || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestProblemsAreToldInTheOrderOfTheFileAndOnce(t *testing.T) {
	p := &yamldoc.Problems{File: "f"}
	p.Add(&yaml.Node{Line: 7, Column: 2}, "late")
	p.Add(&yaml.Node{Line: 3, Column: 9}, "early")
	p.Add(&yaml.Node{Line: 7, Column: 2}, "late")
	want := "f:3:9: early\nf:7:2: late\n2 problems. Read on"
	if got := p.Err("Read on").Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for i := range 2 * yamldoc.MaxProblems {
		p.Add(&yaml.Node{Line: 10 + i, Column: 1}, "more")
	}
	if got := p.Err("").Error(); p.Len() != yamldoc.MaxProblems || !strings.HasSuffix(got, "\n49 problems or more.") {
		t.Errorf("%d: %s", p.Len(), got)
	}
}

func TestEntries(t *testing.T) {
	p := &yamldoc.Problems{File: "f"}
	root := yamldoc.Read(p, []byte("x: &x {k: 1}\n<<: *x\ny: *x\n[1]: 2\n~: 3\ny: 4\n"), "thing")
	own, merged := yamldoc.Entries(p, root, "it")
	if len(own) != 2 || own[1].Key.Value != "y" || len(merged) != 1 || yamldoc.Resolve(merged[0].Value).Kind != yaml.MappingNode {
		t.Errorf("%v, %v", own, merged)
	}
	if at := yamldoc.At(own[1].Value); at.Kind != yaml.MappingNode || at.Line != 3 {
		t.Errorf("an alias is read at %d", at.Line)
	}
	want := `f:4:1: a key of it must be a word, not a list
f:5:1: a key of it must be a word, not nothing
f:6:1: "y" is there twice in it, first on line 3
3 problems.`
	if got := p.Err("").Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestMeant(t *testing.T) {
	known := []string{"command", "label", "id"}
	for got, want := range map[string]string{
		"comand": "command", "lable": "label", "labels": "label", "commmnad": "command",
		"x": "", "colour": "", "": "",
	} {
		if want != "" {
			want = fmt.Sprintf("; did you mean %q?", want)
		}
		if m := yamldoc.Meant(got, known); m != want {
			t.Errorf("%q is %q, want %q", got, m, want)
		}
	}
}
