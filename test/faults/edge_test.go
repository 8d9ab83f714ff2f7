package faults_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// smuggled are requests whose end could be seen in two places, each with a
// second request hidden in its body. %s is the host.
var smuggled = []struct{ name, text string }{
	{"two lengths", "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n"},
	{"a list of lengths", "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 0, 5\r\n\r\n"},
	{"a length and chunks", "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunks and a length", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{"two encodings", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
	{"an odd encoding", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{"a space before the colon", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
	{"a folded encoding", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
	{"a signed length", "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: +0\r\n\r\n"},
	{"a chunk that is too long", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n\r\n"},
	{"bare line feeds in a chunk", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nx\r\n0\r\n\r\n"},
	{"a carriage return in a value", "POST /echo HTTP/1.1\r\nHost: %s\r\nX: a\rContent-Length: 5\r\n\r\n"},
	{"a NUL in a name", "POST /echo HTTP/1.1\r\nHost: %s\r\nTransfer\x00-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"two hosts", "POST /echo HTTP/1.1\r\nHost: %s\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n"},
	{"no host", "POST /echo HTTP/1.1\r\nX-Host: %s\r\nContent-Length: 0\r\n\r\n"},
	{"an upgrade with a body", "POST /echo HTTP/1.1\r\nHost: %s\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 0\r\n\r\n"},
}

// TestSmuggling sends what two readers may read in two ways, each with another
// request behind it that whoever reads it wrongly takes for one of its own. The
// hidden one must be answered by nobody's connection but its sender's: after
// every try, a stranger's connection gets its own answer.
func TestSmuggling(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge", Replicas: 1})
	w.deploy("gauge", 1)
	w.press("gauge")
	host := strings.TrimPrefix(w.url("gauge"), "http://")
	for n, s := range smuggled {
		hidden := fmt.Sprintf("hidden-%d", n)
		text := fmt.Sprintf(s.text, host) + "GET /stream?n=1&ms=1 HTTP/1.1\r\nHost: " + host + "\r\nRequest-Id: " + hidden + "\r\n\r\n"
		answers := say(t, host, text)
		all, err := w.Accounts()
		w.must(err)
		begun := 0
		if a := all[hidden]; a != nil {
			begun = a.Begun
		}
		if begun > 0 && answers < 2 || begun > 1 {
			t.Errorf("%s: the hidden request reached the service %d times, and the sender got %d answers", s.name, begun, answers)
		}
		if begun > 0 {
			t.Logf("%s: read as two requests, both answered to their sender", s.name)
		}
	}
	w.note("%d ambiguities", len(smuggled))
}

// say sends bytes and counts the answers until the connection ends, or a second
// is over.
func say(t *testing.T, host, text string) (answers int) {
	t.Helper()
	c, err := net.DialTimeout("tcp", host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, text)
	all, _ := io.ReadAll(c)
	return strings.Count(string(all), "HTTP/1.1 ")
}

// TestOutage takes every instance away, and lets them come back: who asks is
// told at once, and served again soon.
func TestOutage(t *testing.T) {
	w := raise(t, yard.Options{})
	w.publish(yard.Version{Service: "gauge", Replicas: 2})
	w.deploy("gauge", 1)
	url := w.url("gauge")
	client := &http.Client{Timeout: 5 * time.Second}
	for range times(3) {
		for _, shim := range w.Shims() {
			w.must(shim.Stop()) // nobody starts them again for now
		}
		for _, i := range w.Instances() {
			w.must(i.Kill())
		}
		for range 20 {
			began := time.Now()
			res, err := client.Get(url)
			if err != nil {
				t.Errorf("an outage of all: no answer: %v", err)
				continue
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if took := time.Since(began); res.StatusCode < 500 || took > time.Second {
				t.Errorf("an outage of all: %s after %s", res.Status, took)
			}
		}
		for _, shim := range w.Shims() {
			_ = shim.Continue()
		}
		w.owned(2)
		w.pressFor(500 * time.Millisecond)
	}
	w.note("%d outages of all", times(3))
}

// TestRetries has five services ask each other in a row, the last of which
// answers errors, and then has one of its instances away: what reaches it is no
// more than what was asked.
func TestRetries(t *testing.T) {
	w := raise(t, yard.Options{})
	names := []string{"a", "b", "c", "d", "e"}
	var versions []yard.Version
	for n, name := range names {
		v := yard.Version{Service: name, Replicas: 1}
		if n+1 < len(names) {
			next := names[n+1]
			v.Needs = []string{next}
			v.Env = map[string]string{"GAUGE_NEXT": strings.ToUpper(next) + "_URL"}
		} else {
			v.Replicas = 2
		}
		versions = append(versions, v)
	}
	versions = append(versions, yard.Version{Service: "e", Replicas: 2, Env: map[string]string{"GAUGE_FAILS": "1"}})
	w.publish(versions...)
	for _, name := range slices.Backward(names) {
		w.deploy(name, 1)
	}
	w.amplified("all well", 0)
	// One of two is away, and nobody knows it yet.
	for _, shim := range w.Shims() {
		w.must(shim.Stop())
	}
	for _, i := range w.Instances() {
		if i.Service() == "e" {
			w.must(i.Kill())
			break
		}
	}
	w.amplified("one is away", 0.1)
	for _, shim := range w.Shims() {
		_ = shim.Continue()
	}
	w.serves("e", 1)
	w.deploy("e", 2)
	w.amplified("all answer errors", 1)
}

// amplified asks through the chain and measures how often the last service was
// asked. At most that part of the answers may be errors.
func (w *world) amplified(when string, errors float64) {
	w.Helper()
	l := load.Start(100, []load.Aim{{Visitor: load.Get(w.url("a") + "/through"), Share: 1}})
	sleep(2 * time.Second)
	l.Stop()
	all, err := w.Accounts()
	w.must(err)
	ids, reached := 0, 0
	for id, a := range all {
		if strings.HasPrefix(id, l.Name()) {
			ids++
			for _, by := range a.In {
				if by.Service == "e" {
					reached++
				}
			}
		}
	}
	ratio := float64(reached) / float64(max(l.Sent(), 1))
	if ratio > 1.1 || l.Sent() < 50 || ids == 0 {
		w.Errorf("%s: %d requests reached the last service %d times", when, l.Sent(), reached)
	}
	if part := float64(l.Lost()) / float64(max(l.Sent(), 1)); part > errors {
		w.Errorf("%s: %.0f %% of the answers were errors: %s", when, part*100, l.Reasons())
	}
	w.note("%s: %.2f times the load", when, ratio)
}
