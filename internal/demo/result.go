package demo

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/slipway-cd/slipway"
)

// Result is how a demo went.
type Result struct {
	Builds       int          `json:"builds"`
	Deployments  []Deployment `json:"deployments"`
	Requests     int          `json:"requests"`
	Lost         int          `json:"lost"`
	Wrong        int          `json:"wrong"`    // answered so by the version that is subtly worse
	NotSent      int          `json:"not_sent"` // due, but this machine was too slow for the rate
	Refused      int          `json:"refused"`
	RolledBack   int          `json:"rolled_back"` // by hand as well
	ServerKills  int          `json:"server_kills"`
	ServerPeakMB float64      `json:"server_peak_rss_mb"` // VmHWM, of every server there was
	Seconds      float64      `json:"seconds"`
}

// Deployment is how one deployment ended.
type Deployment struct {
	Service     string `json:"service"`
	Environment string `json:"environment"`
	Release     int    `json:"release"`
	Outcome     string `json:"outcome"`

	kind string
	took time.Duration
}

// most is more builds and deployments than a demo makes.
const most = 200

func (p *play) result(ctx context.Context) (Result, error) {
	builds, err := p.client.Builds(ctx, "", most)
	if err != nil {
		return Result{}, err
	}
	deployments, err := p.client.Deployments(ctx, "", "", most)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Builds: len(builds), Requests: p.load.Sent(), Lost: p.lost(), Wrong: p.wrong(), NotSent: p.load.NotSent(), ServerKills: p.kills,
		ServerPeakMB: tenths(p.memory.megabytes()), Seconds: tenths(time.Since(p.began).Seconds()),
	}
	for _, d := range slices.Backward(deployments) {
		one := Deployment{Service: d.Service, Environment: d.Environment, Release: d.Release, Outcome: d.Phase, kind: d.Kind}
		if d.FinishedAt != nil {
			one.took = d.FinishedAt.Sub(d.CreatedAt)
		}
		r.Deployments = append(r.Deployments, one)
		switch {
		case d.Phase == string(slipway.Failed):
			r.Refused++
		case d.Phase == string(slipway.RolledBack), d.Phase == string(slipway.Succeeded) && d.Kind == string(slipway.KindRollback):
			r.RolledBack++
		}
	}
	return r, nil
}

func tenths(f float64) float64 { return math.Round(f*10) / 10 }

func (p *play) table(r Result) {
	for _, d := range r.Deployments {
		p.say("%-18s %-6s %-4s %-9s %-12s %5.1f s", d.Service, d.Environment, at(d.Release), d.kind, outcome(d.Outcome), d.took.Seconds())
	}
	p.say("")
	p.say("%-18s %d", "builds", r.Builds)
	p.say("%-18s %d (%d refused, %d rolled back)", "deployments", len(r.Deployments), r.Refused, r.RolledBack)
	p.say("%-18s %d", "requests sent", r.Requests)
	p.say("%-18s %d", "requests lost", r.Lost)
	p.say("%-18s %d, by the version that was rolled back for it", "answered wrong", r.Wrong)
	if r.NotSent > 0 {
		p.say("%-18s %d: this machine is too slow for %d requests a second beside what else it does", "requests not sent", r.NotSent, rate)
	}
	p.say("%-18s %d", "server kills", r.ServerKills)
	p.say("%-18s %.1f MB", "server's peak", r.ServerPeakMB)
	p.say("%-18s %.1f", "seconds", r.Seconds)
}

func at(release int) string { return "@" + slipway.DeploymentID(release).String() }

func outcome(phase string) string {
	if phase == string(slipway.Failed) {
		return "refused"
	}
	return phase
}

func (p *play) json(r Result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	p.print(string(text) + "\n")
	return nil
}
