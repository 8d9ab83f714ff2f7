// Package access keeps a router's access log: one JSON object a line for each
// request, in a file that is rotated by size.
//
// It holds what operators ask for and nothing that a client must be able to keep
// to itself: no query, no cookie, no Authorization, no body.
package access

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slipway-cd/slipway"
)

// Entry is one request and what became of it.
type Entry struct {
	Began    time.Time
	Took     time.Duration
	Target   slipway.TargetID
	Release  int                // 0: none was drawn
	Instance slipway.InstanceID // "": none took it
	Method   string
	Path     string // a query is cut off
	Host     string
	Client   string // address
	Status   int    // 0: the client got no answer
	Bytes    int64  // of the answer
	Trace    string // ID of the trace
	Preview  bool   // by a preview door: not the target's traffic
}

// longest is how much of a client's words is kept, in bytes.
const longest = 1024

// append writes e as a line.
func (e Entry) append(to []byte) []byte {
	to = append(to, `{"time":"`...)
	to = e.Began.UTC().AppendFormat(to, "2006-01-02T15:04:05.000000Z")
	to = append(to, '"')
	to = appendText(to, "service", string(e.Target.Service))
	to = appendText(to, "environment", string(e.Target.Environment))
	to = appendNumber(to, "release", int64(e.Release))
	to = appendText(to, "instance", string(e.Instance))
	to = appendText(to, "method", e.Method)
	path, _, _ := strings.Cut(e.Path, "?")
	to = appendText(to, "path", path)
	to = appendText(to, "host", e.Host)
	to = appendText(to, "client", e.Client)
	to = appendNumber(to, "status", int64(e.Status))
	to = appendNumber(to, "bytes", e.Bytes)
	to = append(to, `,"ms":`...)
	to = strconv.AppendFloat(to, float64(e.Took.Microseconds())/1000, 'f', 3, 64)
	to = appendText(to, "trace", e.Trace)
	if e.Preview {
		to = append(to, `,"preview":true`...)
	}
	return append(to, "}\n"...)
}

func appendNumber(to []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(to, name), n, 10)
}

func appendText(to []byte, name, text string) []byte {
	if text == "" {
		return to
	}
	to = appendName(to, name)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "")
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // of a string
			}
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}

func appendName(to []byte, name string) []byte {
	return append(append(append(to, `,"`...), name...), `":`...)
}
