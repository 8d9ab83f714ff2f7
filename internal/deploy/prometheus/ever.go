package prometheus

import (
	"context"
	"maps"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// lately is how far back a counter of failures is looked for, and at which moments
// before now: one that is asked for its counters is known for five minutes.
const lately = "[7d:5m]"

// everAgain is how long an answer about a week is as good as another: it costs a
// server much more than one about now.
const everAgain = 5 * time.Second

// past are the answers about it, by server and question.
type past struct {
	mu  sync.Mutex
	all map[[2]string]had
}

type had struct {
	any bool
	at  time.Time
}

// everHad reports whether there was any counter that [ever] asks for, as a server
// says now or said a moment ago.
func (a *Asker) everHad(ctx context.Context, server, question string) (bool, error) {
	key := [2]string{server, question}
	if h, known := a.past.of(key); known {
		return h.any, nil
	}
	found, err := a.ask(ctx, server, question)
	if err != nil {
		return false, err
	}
	a.past.keep(key, had{len(found) > 0, time.Now()})
	return len(found) > 0, nil
}

func (p *past) of(key [2]string) (had, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, known := p.all[key]
	return h, known && !h.isOld()
}

func (p *past) keep(key [2]string, h had) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.all, func(_ [2]string, h had) bool { return h.isOld() })
	if p.all == nil {
		p.all = map[[2]string]had{}
	}
	p.all[key] = h
}

func (h had) isOld() bool { return time.Since(h.at) >= everAgain }

// ever asks whether there has been a counter of failures lately, of whichever
// release that can be asked for.
func ever(t slipway.TargetID, canary, baseline int, q slipway.Query) string {
	wide := anyRelease(q.Failed)
	asked := "(\n" + about(t, canary, wide) + "\n)"
	if strings.Contains(wide, release) && baseline != 0 {
		asked += " or (\n" + about(t, baseline, wide) + "\n)"
	}
	return marked("ever", "count("+asked+" or count_over_time(("+asked+")"+lately+"))")
}

// anyRelease has those labels match any value that are to match that of a release.
// Where it is named in another way it stays.
func anyRelease(expression string) string {
	return literals.ReplaceAllStringFunc(expression, func(found string) string {
		if !strings.HasPrefix(found, "=") || !strings.Contains(found, release) {
			return found
		}
		return `=~".+"`
	})
}

// literals are comments, and strings with the operator before them.
var literals = regexp.MustCompile(`#[^\n]*|(?:(?:=~|=|!=|!~)\s*)?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`)")
