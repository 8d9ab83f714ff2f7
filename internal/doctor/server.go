package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/api"
)

// server looks whether the server answers, and asks it about the rest.
func server(ctx context.Context, p Patient) []Finding {
	c, err := p.Server()
	if err != nil {
		return unreached(err)
	}
	who, err := c.Whoami(ctx)
	if err != nil {
		return unreached(err)
	}
	found := well("server", fmt.Sprintf("%s answers; you are %s, %s", c.URL(), who.Actor.Name, who.Role))
	if who.Version != "" && p.Version != "" && who.Version != p.Version {
		found = append(found, ill(Worry, "version", fmt.Sprintf("the server is %s, this program is %s", who.Version, p.Version),
			"restart the server with this program: slipway down && slipway up --detach, or systemctl restart slipway")...)
	}
	return append(append(found, agents(ctx, c)...), targets(ctx, c)...)
}

func unreached(err error) []Finding {
	text, next := slipway.MessageOf(err), ""
	if e, ok := errors.AsType[*slipway.Error](err); ok {
		text, next = e.Message, e.Next
	}
	if e, ok := errors.AsType[*api.Problem](err); ok {
		text, next, _ = strings.Cut(e.Message, "\n")
	}
	return ill(Wrong, "server", text, next)
}

// quiet is how long an agent may say nothing before it is taken for gone.
const quiet = time.Minute

// agents looks whether each queue that ever had an agent has one now.
func agents(ctx context.Context, c *api.Client) []Finding {
	all, err := c.Agents(ctx)
	if err != nil {
		return unreached(err)
	}
	there := map[string]bool{}
	for _, a := range all {
		there[a.Queue] = there[a.Queue] || !a.Tests && a.State == string(slipway.AgentConnected) && time.Since(a.LastSeen) < quiet
	}
	var missing, served []string
	for queue, ok := range there {
		if ok {
			served = append(served, queue)
		} else {
			missing = append(missing, queue)
		}
	}
	slices.Sort(missing)
	slices.Sort(served)
	switch {
	case len(all) == 0:
		return ill(Worry, "agents", "no agent has ever connected; jobs will wait", "slipway up starts one per queue; alone: slipway agent --queue test")
	case len(missing) > 0:
		return ill(Worry, "agents", "no agent of queue "+strings.Join(missing, ", ")+" is connected; its jobs wait", "start one: slipway agent --queue "+missing[0])
	}
	return well("agents", "connected for "+strings.Join(served, ", "))
}

// targets looks whether what should serve does.
func targets(ctx context.Context, c *api.Client) []Finding {
	board, err := c.Board(ctx)
	if err != nil {
		return unreached(err)
	}
	var found []Finding
	n := 0
	for _, s := range board.Services {
		for _, t := range s.Targets {
			if t.Release > 0 || t.Last != nil {
				n++
				found = append(found, target(t)...)
			}
		}
	}
	if len(found) == 0 {
		return well("services", fmt.Sprintf("%d run, all as they should", n))
	}
	return found
}

func target(t api.Target) []Finding {
	name := t.Service + "/" + t.Environment
	switch {
	case t.Health == "down" || t.Health == "degraded":
		return ill(Wrong, name, fmt.Sprintf("%d of %d instances are ready%s", t.Ready, t.Want, because(t.Why)),
			fmt.Sprintf("slipway logs %s %s", t.Service, t.Environment))
	case t.Last != nil && t.Last.Phase == string(slipway.Stuck):
		return ill(Wrong, name, fmt.Sprintf("deployment %d is stuck", t.Last.ID), "see why: "+t.Last.URL)
	}
	return nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
