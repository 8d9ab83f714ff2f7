package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func set(secrets ...string) *Set {
	var all [][]byte
	for _, s := range secrets {
		all = append(all, []byte(s))
	}
	return New(all...)
}

func redacted(t interface{ Fatal(...any) }, secrets []string, writes ...string) string {
	return through(t, set(secrets...).Writer, writes)
}

func blanked(t interface{ Fatal(...any) }, secrets []string, writes ...string) string {
	return through(t, set(secrets...).Blanker, writes)
}

// through is what becomes of writes.
func through(t interface{ Fatal(...any) }, writer func(io.Writer) *Writer, writes []string) string {
	var out bytes.Buffer
	w := writer(&out)
	for _, text := range writes {
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHides(t *testing.T) {
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

// ways are how programs print a value that stands between other bytes.
func ways(value string) map[string]string {
	quoted, _ := json.Marshal(value)
	all := map[string]string{
		"as it is":   value,
		"query":      "https://x/?q=" + url.QueryEscape(value) + "&r=1",
		"path":       "https://x/" + url.PathEscape(value) + "/y",
		"lower":      strings.ToLower(percented(value, "")),
		"JSON":       `{"password":` + string(quoted) + `}`,
		"Go":         fmt.Sprintf("%q", value),
		"hex":        hex.EncodeToString([]byte(value)),
		"HEX":        fmt.Sprintf("%X", value),
		"JavaScript": inASCII(inJSON(value, false)),
	}
	for n := range 7 {
		around := strings.Repeat("x", n)
		all[fmt.Sprint("base64 after ", n)] = base64.StdEncoding.EncodeToString([]byte(around + value + around))
		all[fmt.Sprint("base64 for URLs after ", n)] = base64.URLEncoding.EncodeToString([]byte(around + value + around))
	}
	return all
}

func TestHidesEachForm(t *testing.T) {
	for _, value := range []string{
		"hunter22", "p@ss/w+rd? &=%\"\\<'>", "grün, 漢字 🔑", "abcdef", "tab\there", "postgres://app:s3cr3t-pw@db:5432/app?sslmode=disable",
	} {
		for way, text := range ways(value) {
			got := redacted(t, []string{value}, "before "+text+" after")
			if !strings.Contains(got, Mask) || gives(got, text, value) {
				t.Errorf("%q %s: %q shows as %q", value, way, text, got)
			}
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
				t.Errorf("%q %s: %q hides what stands around it", value, way, got)
			}
		}
	}
}

// gives reports whether shown still has ten characters in a row of text that
// nothing but the value is told by.
func gives(shown, text, value string) bool {
	shown = strings.ReplaceAll(shown, Mask, "\x00")
	return strings.Contains(shown, value) || len(text) == len(value)*2 && strings.Contains(shown, text[:10])
}

func TestHidesKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString("-----BEGIN PRIVATE KEY-----\n")
	for i := range 26 {
		fmt.Fprintf(&b, "%064d\n", 1<<60+i*i*7919)
	}
	b.WriteString("-----END PRIVATE KEY-----\n")
	key := b.String()
	coded := base64.StdEncoding.EncodeToString([]byte(key))
	var rows []string
	for rest := coded; rest != ""; rest = rest[min(76, len(rest)):] {
		rows = append(rows, rest[:min(76, len(rest))])
	}
	quoted, _ := json.Marshal(key)
	for way, text := range map[string]string{
		"as it is": key, "base64": coded, "base64 in lines": strings.Join(rows, "\n"), "JSON": string(quoted), "hex": hex.EncodeToString([]byte(key)),
	} {
		got := redacted(t, []string{key}, text)
		if left := len(strings.ReplaceAll(strings.ReplaceAll(got, Mask, ""), "\n", "")); left > 12 {
			t.Errorf("%s: %d bytes of %d show: %q", way, left, len(text), got)
		}
	}
}

func TestHoldsLittleBack(t *testing.T) {
	var out bytes.Buffer
	w := set(strings.Repeat("a", 100)).Writer(&out)
	for range 300 {
		if _, err := w.Write([]byte(strings.Repeat("a", 1000))); err != nil {
			t.Fatal(err)
		}
		if len(w.held) > 200 {
			t.Fatalf("%d bytes held back", len(w.held))
		}
	}
	if _, err := w.Write([]byte("prompt> ")); err != nil || !strings.HasSuffix(out.String(), "prompt> ") {
		t.Errorf("held back: %q, %v", w.held, err)
	}
	if _, err := w.Write([]byte("aaaa\n")); err != nil || len(w.held) > 0 {
		t.Errorf("a whole line is held back: %q, %v", w.held, err)
	}
}

func TestBlanksKeepPlaces(t *testing.T) {
	for text, want := range map[string]string{
		"a hunter22 b":           "a ******** b",
		"hunter22-and-more.":     "*****************.",
		"xhunterhunter22hunter2": "xhunter********hunter2",
	} {
		for _, writes := range [][]string{{text}, strings.Split(text, "")} {
			if got := blanked(t, []string{"hunter22", "er22-and-more"}, writes...); got != want {
				t.Errorf("%q: %q, want %q", writes, got, want)
			}
		}
	}
}

// However a text is cut, the result is the same, and nothing of the secrets is
// left in it.
func TestSplitsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.StringMatching(`[ab]{6,9}`), rapid.StringN(6, 40, -1))
		secrets := rapid.SliceOfN(value, 1, 4).Draw(t, "secrets")
		var b strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			b.WriteString(rapid.StringMatching(`[ab \n]{0,12}`).Draw(t, "between"))
			all := ways(rapid.SampledFrom(secrets).Draw(t, "secret"))
			b.WriteString(all[rapid.SampledFrom([]string{"as it is", "query", "JSON", "hex", "base64 after 0", "base64 after 1", "base64 after 2"}).Draw(t, "way")])
		}
		text := b.String()
		whole := redacted(t, secrets, text)
		var writes []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			writes, rest = append(writes, rest[:n]), rest[n:]
		}
		if split := redacted(t, secrets, writes...); split != whole {
			t.Fatalf("in pieces %q, whole %q", split, whole)
		}
		read, err := io.ReadAll(set(secrets...).Reader(io.NopCloser(iotest{strings.NewReader(text)})))
		if err != nil || string(read) != whole {
			t.Fatalf("read %q, %v; written %q", read, err, whole)
		}
		shown := strings.ReplaceAll(whole, Mask, "\x00")
		for _, s := range secrets {
			if s = strings.TrimSpace(s); len(s) >= Shortest && !strings.Contains(s, "\n") && strings.Contains(shown, s) {
				t.Fatalf("%q shows %q", whole, s)
			}
		}
		blank := blanked(t, secrets, text)
		if split := blanked(t, secrets, writes...); split != blank || len(blank) != len(text) {
			t.Fatalf("%q blanked %q, in pieces %q", text, blank, split)
		}
	})
}

// iotest reads a few bytes at a time.
type iotest struct{ r io.Reader }

func (i iotest) Read(p []byte) (int, error) { return i.r.Read(p[:min(len(p), 3)]) }

func BenchmarkWriter(b *testing.B) {
	var secrets []string
	for i := range 200 {
		secrets = append(secrets, fmt.Sprintf("postgres://app:%x@db/app", i*7919))
	}
	s := set(secrets...)
	text := []byte(strings.Repeat("level=INFO msg=\"a request\" path=/thoughts/12 took=3ms\n", 600))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w := s.Writer(io.Discard)
		_, _ = w.Write(text)
	}
}

func TestTheHeadOfATextHasNoBeginningOfASecret(t *testing.T) {
	s := set("hunter22")
	for text, want := range map[string]string{
		"is hunter22 or hunt": "is [REDACTED] or ",
		"is hunter22":         "is [REDACTED]",
		"hunter2":             "",
		"hunter3":             "hunter3",
		"":                    "",
	} {
		if got := s.Head(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := (*Set)(nil).Head("hunter2"); got != "hunter2" {
		t.Errorf("without secrets: %q", got)
	}
}
