package ansi_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/internal/ansi"
)

func TestSafe(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"text":               {"héllo ⠼ \tworld\r\n", "héllo ⠼ \tworld\r\n"},
		"colour":             {"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"},
		"256 colours":        {"\x1b[38:5:1mx\x1b[m", "\x1b[38:5:1mx\x1b[m"},
		"cursor":             {"a\x1b[2J\x1b[Hb", "ab"},
		"private mode":       {"a\x1b[?25lb", "ab"},
		"window title":       {"a\x1b]0;owned\x07b", "ab"},
		"clipboard":          {"a\x1b]52;c;cm0gLXJm\x1b\\b", "ab"},
		"hyperlink":          {"\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
		"unfinished title":   {"a\x1b]0;owned\nnext", "a\nnext"},
		"device string":      {"a\x1bP$q\x1b\\b", "ab"},
		"reset":              {"a\x1bcb", "ab"},
		"character set":      {"a\x1b(0b", "ab"},
		"C1 control":         {"a\u009b2Jb", "a2Jb"},
		"bell and backspace": {"a\x07\x08b", "ab"},
		"endless colour":     {"\x1b[" + strings.Repeat("1;", 99) + "mx", "x"},
		"text in C2 range":   {"caf\u00e9 \u00a9", "café ©"},
	} {
		if got := ansi.Safe(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[31mone\x1b[0m\ntwo":              "one two",
		"deploy \u202edorp ot\u202c now":       "deploy dorp ot now",
		"a\u2066b\u2069c\u200fd\u2028e\u2029f": "abcdef",
		"8-bit \x9b2J and \xff":                "8-bit \ufffd2J and \ufffd",
		"שלום and 你好 and ⠼":                    "שלום and 你好 and ⠼",
	} {
		if got := ansi.Plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzWriterIsTheSameHoweverTheTextIsSplit(f *testing.F) {
	f.Add("a\x1b]52;c;x\x1b\\b\x1b[31mc\u009b", 3)
	f.Fuzz(func(t *testing.T, s string, at int) {
		var b bytes.Buffer
		w := ansi.NewWriter(&b)
		at = max(0, min(at, len(s)))
		_, _ = w.Write([]byte(s[:at]))
		_, _ = w.Write([]byte(s[at:]))
		if b.String() != ansi.Safe(s) {
			t.Fatalf("split at %d: %q, whole: %q", at, b.String(), ansi.Safe(s))
		}
		for i, c := range b.Bytes() {
			if c == 0x1b && !bytes.HasPrefix(b.Bytes()[i:], []byte("\x1b[")) {
				t.Fatalf("an escape that is no colour: %q", b.Bytes()[i:])
			}
		}
	})
}
