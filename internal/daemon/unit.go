package daemon

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway"
)

// unit is what a systemd unit of Slipway is made of.
type unit struct {
	exe    string
	args   []string
	user   string // whom it runs as; "" for a unit of the user's own manager
	secret string // file of environment variables that may hold secrets; read if it is there
}

// text writes the unit (systemd.service(5), systemd.kill(5)).
//
// Only the main process is ended with the unit: routers and shims outlive it, or
// each upgrade would stop what serves. It may make control groups of its own, so
// that nothing that an instance starts escapes.
func (u unit) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("[Unit]")
	line("Description=Slipway, continuous deployment")
	line("Wants=network-online.target")
	line("After=network-online.target")
	line("")
	line("[Service]")
	line("ExecStart=%s", command(append([]string{u.exe}, u.args...)))
	if u.user != "" {
		line("User=%s", u.user)
	}
	line("EnvironmentFile=-%s", quote(u.secret))
	line("KillMode=process")
	line("KillSignal=SIGTERM")
	line("TimeoutStopSec=30")
	line("Restart=always")
	line("RestartSec=1")
	line("Delegate=yes")
	line("LimitNOFILE=65536")
	line("LimitCORE=0")
	line("NoNewPrivileges=yes")
	line("")
	line("[Install]")
	if u.user == "" {
		line("WantedBy=default.target")
	} else {
		line("WantedBy=multi-user.target")
	}
	return b.String()
}

// command writes a command line as systemd reads it.
func command(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// quote keeps a word in one piece, and % and $ from meaning something.
func quote(word string) string {
	word = strings.NewReplacer("%", "%%", "$", "$$", `\`, `\\`, `"`, `\"`).Replace(word)
	if strings.ContainsAny(word, " \t'\"\\;") || word == "" {
		return `"` + word + `"`
	}
	return word
}

// unitFolder is where units are put: of the machine, or of a user.
func unitFolder(machine bool, config string) string {
	if machine {
		return "/etc/systemd/system"
	}
	return filepath.Join(config, "systemd", "user")
}

// checkWord refuses what cannot stand in a unit.
func checkWord(what, word string) error {
	if strings.ContainsFunc(word, func(r rune) bool { return r < ' ' }) {
		return slipway.Errorf(slipway.Invalid, "%s %q cannot stand in a systemd unit", what, word)
	}
	return nil
}
