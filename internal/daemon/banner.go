package daemon

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// banner tells a person what runs and what to do next. The login link is for
// whoever started us, and goes into no log.
func banner(ctx context.Context, data Data, o UpOptions) {
	url, err := data.ServerURL()
	if err != nil {
		return
	}
	say := func(what, value string) { _, _ = fmt.Fprintf(o.Out, "  %-8s %s\n", what, value) }
	_, _ = fmt.Fprintln(o.Out, "slipway is up")
	say("board", url)
	if toJournal(o.Out, os.Getenv(journalEnv)) {
		say("log in", "slipway login"+data.flag())
	} else if token, err := os.ReadFile(data.adminToken()); err == nil {
		link, err := api.New(url, strings.TrimSpace(string(token))).LoginLink(ctx)
		if err == nil {
			say("log in", fmt.Sprintf("%s   (once, until %s)", link.URL, link.ExpiresAt.Local().Format(time.TimeOnly)))
		}
	}
	say("push", "slipway remote add"+data.flag()+" && git push slipway master   (in a repository with a slipway.yaml)")
	say("agents", strings.ReplaceAll(join(o.Queues), ",", ", "))
	say("data", data.Dir)
	if o.Detach {
		say("end", "slipway down"+data.flag())
	} else {
		say("end", "Ctrl-C, or slipway down"+data.flag())
	}
}

// flag is what commands need to find the data directory by, "" where they do by
// themselves.
func (d Data) flag() string {
	if dir, err := DefaultDataDir(); err == nil && dir == d.Dir {
		return ""
	}
	if strings.ContainsAny(d.Dir, " '\"$\\&;()<>|*?[]`~#\t\n") {
		return " --data '" + strings.ReplaceAll(d.Dir, "'", `'\''`) + "'"
	}
	return " --data " + d.Dir
}
