package agent

import (
	"bytes"
	"strings"
	"testing"
)

func redacted(t *testing.T, secrets []string, writes ...string) string {
	t.Helper()
	var out bytes.Buffer
	r := newRedactor(&out, secrets)
	for _, w := range writes {
		if _, err := r.Write([]byte(w)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRedact(t *testing.T) {
	for _, tc := range []struct {
		name    string
		secrets []string
		writes  []string
		want    string
	}{
		{"nothing to hide", []string{"hunter22"}, []string{"hello\n"}, "hello\n"},
		{"whole", []string{"hunter22"}, []string{"a hunter22 b"}, "a [REDACTED] b"},
		{"over a boundary", []string{"hunter22"}, []string{"a hun", "ter", "22 b"}, "a [REDACTED] b"},
		{"a false beginning", []string{"hunter22"}, []string{"hunt", "hunter2", "hunter22"}, "hunthunter2[REDACTED]"},
		{"a beginning at the end", []string{"hunter22"}, []string{"hunter2"}, "hunter2"},
		{"short ones stay", []string{"on", ""}, []string{"turned on"}, "turned on"},
		{"one inside another", []string{"hunter22", "hunter22-and-more"}, []string{"hunter22", "-and-more hunter22-"}, "[REDACTED] [REDACTED]-"},
		{"overlapping", []string{"abcdef", "efghij"}, []string{"xabcd", "efgh", "ijx"}, "x[REDACTED]x"},
		{"side by side", []string{"abcdef"}, []string{"abcdefabcdef"}, "[REDACTED][REDACTED]"},
		{"repeating", []string{"aaaaaa"}, []string{"aaaaaaaaa", "aaaa b"}, "[REDACTED] b"},
		{"each line of a key", []string{"-----BEGIN\nMIIEvQ\n"}, []string{"MIIEvQ -----BEGIN"}, "[REDACTED] [REDACTED]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := redacted(t, tc.secrets, tc.writes...); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			text := strings.Join(tc.writes, "")
			if got := redacted(t, tc.secrets, strings.Split(text, "")...); got != tc.want {
				t.Errorf("byte by byte: got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRedactHoldsLittleBack(t *testing.T) {
	var out bytes.Buffer
	r := newRedactor(&out, []string{strings.Repeat("a", 100)})
	for range 1000 {
		if _, err := r.Write([]byte(strings.Repeat("a", 1000))); err != nil {
			t.Fatal(err)
		}
		if len(r.held) > 200 {
			t.Fatalf("%d bytes held back", len(r.held))
		}
	}
	if _, err := r.Write([]byte("prompt> ")); err != nil || !strings.HasSuffix(out.String(), "prompt> ") {
		t.Errorf("held back: %q, %v", r.held, err)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("a hunter22 b abcdefghij", "hunter22", "efghij", uint8(3))
	f.Add("aaaaaaaaaaaaab", "aaaaaa", "aaaaab", uint8(1))
	f.Add("abababababababa", "ababab", "bababa", uint8(2))
	f.Fuzz(func(t *testing.T, text, one, two string, size uint8) {
		secrets := []string{one, two}
		whole := redacted(t, secrets, text)
		var writes []string
		for rest := text; rest != ""; {
			n := min(int(size%17)+1, len(rest))
			writes, rest = append(writes, rest[:n]), rest[n:]
		}
		if split := redacted(t, secrets, writes...); split != whole {
			t.Errorf("in pieces %q, whole %q", split, whole)
		}
		for _, s := range newRedactor(nil, secrets).secrets {
			if bytes.Contains([]byte(strings.ReplaceAll(whole, mask, "\x00")), s) && !strings.Contains(mask, string(s)) {
				t.Errorf("%q shows %q", whole, s)
			}
		}
	})
}
