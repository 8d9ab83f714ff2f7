package logline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/logline"
)

func TestErrorsThatDifferInNumbersAndNamesAloneAreOfOneClass(t *testing.T) {
	same := [][]string{
		{"dial tcp 10.0.0.3:5432: connect: connection refused", "dial tcp 192.168.1.77:9999: connect: connection refused"},
		{"index out of range [5] with length 3", "index out of range [17] with length 12"},
		{"order 550e8400-e29b-41d4-a716-446655440000 is lost", "order deadbeef-aaaa-bbbb-cccc-ddddeeeefff0 is lost"},
		{`no such user "ann"`, `no such user "bob \" smith"`},
		{"KeyError: 'user_id'", "KeyError: 'it\\'s'"},
		{"cannot open /var/lib/a/b.db: no space", "cannot open /tmp/x/y: no space"},
		{"GET https://a.example/x?y=1 failed", "GET http://b.example:80/ failed"},
		{"mail to ann@example.com bounced", "mail to bob.smith@example.org bounced"},
		{"at 2024-01-02T15:04:05.678Z it stopped", "at 2025-11-12T01:02:03Z it stopped"},
		{"pointer 0xc000123456 is bad", "pointer 0xdeadbeef is bad"},
		{"shards 1, 2, 3 are gone", "shards 4 are gone"},
		{"session a8f5f167f44f4964e6c998dee827110c expired", "session 0123456789abcdef0123456789abcdef expired"},
		{"pool-3-thread-12 died", "pool-4-thread-1 died"},
		{"src/pay/charge.go failed", "src/cart/cart.go failed"},
		{"took 1.5s", "took 250ms"},
		{"50% done", "7% done"},
	}
	ids := map[string]string{}
	for _, group := range same {
		for _, text := range group[1:] {
			if logline.ClassID(text) != logline.ClassID(group[0]) {
				t.Errorf("%q and %q are of two classes", group[0], text)
			}
		}
		ids[logline.ClassID(group[0])] = group[0]
	}
	others := []string{
		"dial tcp 10.0.0.3:5432: i/o timeout", "index out of range", "java.lang.IllegalStateException: x", "java.lang.IllegalArgumentException: x",
		"io.netty.handler.codec.http2.Http2Exception: x", "io.netty.handler.codec.http3.Http3Exception: x", "it can't work", "it can't be", "panic: a", "ValueError: a", "",
	}
	for _, text := range others {
		id := logline.ClassID(text)
		if known, ok := ids[id]; ok {
			t.Errorf("%q and %q are of one class", known, text)
		}
		ids[id] = text
	}
	if got := logline.ClassID("dial tcp 10.0.0.3:5432: connect: connection refused"); got != "d600b8ae8dd4844d" {
		t.Errorf("what was counted under another ID, by another version: now %s", got)
	}
}

func TestATitleIsOneShortLine(t *testing.T) {
	for text, want := range map[string]string{
		" a\n\tb\x1b[31m\x00c  d ": "a b [31m c d",
		"\xff\u202eabc":            "abc",
		"grün":                     "grün",
		"":                         "",
	} {
		if got := logline.Title(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	long := logline.Title(strings.Repeat("ä ", 1000))
	if n := utf8.RuneCountInString(long); n > slipway.MaxErrorTitle || !strings.HasSuffix(long, "…") {
		t.Errorf("%d characters: %q", n, long)
	}
}

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestClassesAreBounded(t *testing.T) {
	tally := logline.NewTally(slipway.Said{})
	at := when
	word := func(i int) string { return strings.Repeat(string(rune('g'+i%20)), 1+i/20) }
	for i := range slipway.MaxErrorClasses + 7 {
		tally.Add(logline.Event{Level: logline.Error, Text: fmt.Sprint("it broke: ", word(i))}, at.Add(time.Duration(i)))
	}
	tally = logline.NewTally(tally.Said()) // as the next shim does
	tally.Add(logline.Event{Level: logline.Error, Text: "it broke: " + word(3)}, at.Add(time.Hour))
	tally.Add(logline.Event{Level: logline.Warning}, at)
	tally.Add(logline.Event{Level: logline.Fine}, at)
	tally.Skip(9)
	said := tally.Said()
	if len(said.Classes) != slipway.MaxErrorClasses || said.Others != 7 || said.Errors != slipway.MaxErrorClasses+8 || said.Warnings != 1 || said.Unread != 9 {
		t.Errorf("%d classes, %d others, %d errors, %d warnings, %d unread", len(said.Classes), said.Others, said.Errors, said.Warnings, said.Unread)
	}
	if c := said.Classes[3]; c.Count != 2 || !c.First.Equal(at.Add(3)) || !c.Last.Equal(at.Add(time.Hour)) || c.Title != "it broke: j" {
		t.Errorf("%+v", c)
	}
}
