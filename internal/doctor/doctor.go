// Package doctor looks at an installation on this machine and says what is
// wrong with it and how that is mended. It changes nothing.
package doctor

import (
	"context"
	"time"

	"github.com/slipway-cd/slipway/api"
)

// State is how bad a finding is.
type State string

const (
	Well  State = "ok"
	Worry State = "warning" // it works, but not as well or as safely as it should
	Wrong State = "wrong"   // something does not work
)

// Finding is what one look found.
type Finding struct {
	Subject string `json:"subject"` // what was looked at: disk, server, agents
	State   State  `json:"state"`
	Text    string `json:"text"`             // what is so, in a sentence
	Remedy  string `json:"remedy,omitempty"` // what to do, often a command
}

// Patient is the installation that is looked at.
type Patient struct {
	Dir      string                           // its data directory
	Version  string                           // of this program
	Server   func() (*api.Client, error)      // how it is reached
	Executor func(context.Context) error      // why who starts instances does not answer; nil when it does
	Database func(context.Context) error      // looks whether the database is sound, without changing it
	Caged    func() error                     // why what is started is not kept together; nil when it is
	Free     func(dir string) (uint64, error) // bytes left on the disk of a directory
	Files    func() (uint64, error)           // how many files a process may have open
}

// lookFor bounds each look.
const lookFor = 10 * time.Second

// Examine looks at everything, in the order in which things depend on each
// other. Where there is no installation nothing else is looked at.
func Examine(ctx context.Context, p Patient) []Finding {
	all, there := directory(p)
	if !there {
		return all
	}
	for _, look := range []func(context.Context, Patient) []Finding{disk, tools, limits, database, executor, server} {
		bounded, cancel := context.WithTimeout(ctx, lookFor)
		all = append(all, look(bounded, p)...)
		cancel()
	}
	return all
}

// Worst is the worst state among findings.
func Worst(all []Finding) State {
	worst := Well
	for _, f := range all {
		if f.State == Wrong || f.State == Worry && worst == Well {
			worst = f.State
		}
	}
	return worst
}

func well(subject, text string) []Finding {
	return []Finding{{Subject: subject, State: Well, Text: text}}
}

func ill(state State, subject, text, remedy string) []Finding {
	return []Finding{{Subject: subject, State: state, Text: text, Remedy: remedy}}
}
