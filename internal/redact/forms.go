package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

const (
	piece   = 1024 // longer values are looked for in pieces
	overlap = 8    // of the pieces, so that nothing shows between them
	manyRow = 64   // values of more lines are looked for as they are, line by line
)

// forms are the texts that give a value away.
func forms(value []byte) [][]byte {
	if len(bytes.TrimSpace(value)) < Shortest {
		return nil
	}
	all := wrapped(value)
	rows := bytes.Split(value, []byte("\n"))
	if len(rows) > 1 {
		for _, p := range pieces(value) {
			all = append(all, encoded(p)...) // never as it is: lines are told one by one
		}
	}
	for _, row := range rows {
		row = bytes.TrimSpace(row)
		if len(row) < Shortest {
			continue
		}
		for _, p := range pieces(row) {
			all = append(all, p)
			if len(rows) <= manyRow {
				all = append(all, encoded(p)...)
			}
		}
	}
	return all
}

// pieces cuts what is long.
func pieces(v []byte) [][]byte {
	var all [][]byte
	for ; len(v) > piece; v = v[piece-overlap:] {
		all = append(all, v[:piece])
	}
	return append(all, v)
}

func encoded(v []byte) [][]byte {
	var all [][]byte
	for _, s := range escaped(string(v)) {
		if s != string(v) {
			all = append(all, []byte(s))
		}
	}
	all = append(all, []byte(hex.EncodeToString(v)), []byte(strings.ToUpper(hex.EncodeToString(v))))
	for before := range 3 {
		all = append(all, within(base64.RawStdEncoding, v, before), within(base64.RawURLEncoding, v, before))
	}
	return all
}

// within is v in base64 after so many other bytes: the characters that v alone
// decides.
func within(e *base64.Encoding, v []byte, before int) []byte {
	text := e.EncodeToString(append(make([]byte, before), v...))
	first := (before*8 + 5) / 6
	last := (before + len(v)) * 8 / 6
	return []byte(text[first:max(first, last)])
}

// wrapped is v in base64 as base64 (76 columns) and openssl (64) break it into
// lines.
func wrapped(v []byte) [][]byte {
	var all [][]byte
	for _, row := range []int{57, 48} {
		for rest := v; len(v) > row && len(rest) > 0; rest = rest[min(row, len(rest)):] {
			all = append(all, within(base64.RawStdEncoding, rest[:min(row, len(rest))], 0))
		}
	}
	return all
}

var percent = regexp.MustCompile(`%[0-9A-F]{2}`)

// escaped is s as it stands in URLs, in JSON and in Go's quotes.
func escaped(s string) []string {
	urls := []string{url.QueryEscape(s), url.PathEscape(s), percented(s, ""), percented(s, "-._~"), percented(s, "-._~!'()*"), percented(s, "-._~!'()*;,/?:@&=+$#")}
	all := urls
	for _, u := range urls {
		all = append(all, percent.ReplaceAllStringFunc(u, strings.ToLower))
	}
	plain, html := inJSON(s, false), inJSON(s, true)
	ascii := inASCII(plain)
	return append(all, plain, html, ascii, strings.ReplaceAll(plain, "/", `\/`), strings.ReplaceAll(ascii, "/", `\/`), unquoted(strconv.Quote(s)))
}

// percented escapes all but letters, digits and spared.
func percented(s, spared string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(spared, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func inJSON(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	_ = e.Encode(s) // a text is always JSON
	return unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// inASCII escapes what is not ASCII, as many languages do by themselves.
func inASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func unquoted(s string) string { return s[1 : len(s)-1] }
