package dispatch

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway"
)

// PingFor is how long a ping is held open when there is no work.
const PingFor = 10 * time.Second

// roll is when each connected agent was last heard, in this process.
type roll struct {
	mu   sync.Mutex
	seen map[slipway.AgentID]time.Time
}

func newRoll() *roll { return &roll{seen: map[slipway.AgentID]time.Time{}} }

// Register makes an agent of who shows a registration token, and returns the
// agent's own token. It returns Forbidden when by may not run agents, or not of
// the queue that the agent's tags name.
func (d *Dispatch) Register(ctx context.Context, by slipway.Principal, a slipway.Agent) (slipway.Agent, string, error) {
	if len(by.Queues) == 0 || by.Agent != "" {
		return slipway.Agent{}, "", slipway.Errorf(slipway.Forbidden, "this token does not register agents").Do("use the token of a queue")
	}
	tags := map[string]string{}
	maps.Copy(tags, a.Tags)
	switch {
	case tags["queue"] != "":
	case len(by.Queues) == 1:
		tags["queue"] = string(by.Queues[0])
	default:
		tags["queue"] = "default"
	}
	a.Tags, a.Queue = tags, slipway.Queue(tags["queue"])
	if !slices.Contains(by.Queues, a.Queue) {
		return slipway.Agent{}, "", slipway.Errorf(slipway.Forbidden, "this token is for agents of queue %s, not %q", queues(by.Queues), a.Queue).
			Do("start it with the tag queue=%s, or with a token of %s: slipway agent-token --queue %s", by.Queues[0], a.Queue, a.Queue)
	}
	ctx, cancel := lasting(ctx)
	defer cancel()
	now := d.now()
	a.ID, a.State, a.RegisteredAt, a.LastSeen = slipway.AgentID(newID()), slipway.AgentConnected, now, now
	actor := slipway.Actor{Kind: slipway.ActorAgent, Name: a.Name}
	event := slipway.Event{At: now, Kind: slipway.AgentConnectedEv, Actor: actor, Text: "agent " + a.Name + " of queue " + string(a.Queue) + " connected"}
	if err := d.Store.SaveAgent(ctx, a, event); err != nil {
		return slipway.Agent{}, "", err
	}
	token, hash := newToken("sla_")
	p := slipway.Principal{Actor: actor, Queues: []slipway.Queue{a.Queue}, Agent: a.ID}
	if err := d.Store.AddToken(ctx, slipway.Token{Hash: hash, Principal: p, Kind: "agent"}); err != nil {
		return slipway.Agent{}, "", err
	}
	d.see(a.ID, now)
	return a, token, nil
}

func queues(qs []slipway.Queue) string {
	var names []string
	for _, q := range qs {
		names = append(names, string(q))
	}
	return strings.Join(names, ", ")
}

func (d *Dispatch) see(id slipway.AgentID, now time.Time) {
	d.agents.mu.Lock()
	defer d.agents.mu.Unlock()
	d.agents.seen[id] = now
}

// Connect says that an agent is there, for the first time or again.
func (d *Dispatch) Connect(ctx context.Context, id slipway.AgentID) error {
	return d.Heartbeat(ctx, id)
}

// Heartbeat says that an agent is alive. It extends the leases of what it runs.
func (d *Dispatch) Heartbeat(ctx context.Context, id slipway.AgentID) error {
	a, err := d.Store.Agent(ctx, id)
	if err != nil {
		return err
	}
	now := d.now()
	var events []slipway.Event
	if a.State != slipway.AgentConnected {
		events = []slipway.Event{{At: now, Kind: slipway.AgentConnectedEv, Actor: slipway.Actor{Kind: slipway.ActorAgent, Name: a.Name}, Text: "agent " + a.Name + " is back"}}
	}
	a.State, a.LastSeen = slipway.AgentConnected, now
	d.see(id, now)
	if err := d.Store.SaveAgent(ctx, a, events...); err != nil {
		return err
	}
	for _, l := range d.board.attempts(func(l liveAttempt, _ time.Time) bool { return l.agent == id }) {
		if err := d.extend(ctx, l.grant); err != nil {
			return err
		}
	}
	return nil
}

// extend extends the lease of an attempt; one that is over meanwhile has none.
func (d *Dispatch) extend(ctx context.Context, g slipway.JobGrant) error {
	_, err := d.update(ctx, g.Build, slipway.System, func(c *change) error {
		_, a, err := c.live(g)
		if err == nil {
			a.LeaseUntil = c.now.Add(slipway.LeaseFor)
		}
		return err
	})
	if slipway.CodeOf(err) == slipway.Stale {
		return nil
	}
	return err
}

// Disconnect says that an agent leaves. What it still runs is lost.
func (d *Dispatch) Disconnect(ctx context.Context, id slipway.AgentID) error {
	a, err := d.Store.Agent(ctx, id)
	if err != nil {
		return err
	}
	d.agents.mu.Lock()
	delete(d.agents.seen, id)
	d.agents.mu.Unlock()
	a.State, a.LastSeen = slipway.AgentDisconnected, d.now()
	if err := d.Store.SaveAgent(ctx, a); err != nil {
		return err
	}
	return d.drop(ctx, "its agent "+a.Name+" left", func(l liveAttempt, _ time.Time) bool { return l.agent == id })
}

// drop gives up on the attempts that which picks.
func (d *Dispatch) drop(ctx context.Context, why string, which func(l liveAttempt, heard time.Time) bool) error {
	for _, l := range d.board.attempts(which) {
		_, err := d.update(ctx, l.grant.Build, slipway.System, func(c *change) error {
			j, _, err := live(c.Build, l.grant)
			if err == nil {
				c.lose(j, why)
			}
			return err
		})
		if err != nil && slipway.CodeOf(err) != slipway.Stale {
			return err
		}
	}
	return nil
}

// Ping names a ready job for an agent to accept, as soon as there is one, or ""
// after [PingFor]. Jobs come by the age of their build, then in the order of the
// pipeline; no two agents are named the same job at a time.
//
// An agent that asks for work does none: what it accepted before, and what has
// not spoken for itself lately, is lost.
func (d *Dispatch) Ping(ctx context.Context, id slipway.AgentID) (slipway.JobID, error) {
	a, err := d.Store.Agent(ctx, id)
	if err != nil {
		return "", err
	}
	d.see(id, d.now())
	d.board.meet(id, d.now())
	silent := d.now().Add(-2 * slipway.HeartbeatEvery)
	err = d.drop(ctx, "its agent "+a.Name+" asked for other work", func(l liveAttempt, heard time.Time) bool {
		return l.agent == id && !heard.IsZero() && heard.Before(silent)
	})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, PingFor)
	defer cancel()
	again := time.NewTicker(time.Second) // an offer to another agent may have lapsed
	defer again.Stop()
	for {
		job, changed := d.board.take(a, d.now())
		if job != "" {
			return job, nil
		}
		select {
		case <-changed:
		case <-again.C:
		case <-ctx.Done():
			return "", nil
		}
	}
}
