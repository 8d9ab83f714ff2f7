// Package wake carries hints that something has changed. A hint is never
// truth: whoever is woken reads the state and decides again, and must work,
// only slower, if no hint ever comes.
package wake

import "sync"

// Hub passes hints from who changed something to who waits for it: within one
// process, and between those of several servers when it has joined a [Line].
// Topics are plain strings: "events", "jobs", "routes",
// "build/thoughts-backend/12", "target/thoughts-backend/prod", "deployment/77".
type Hub struct {
	mu        sync.Mutex
	listeners map[string]map[chan struct{}]struct{} // by topic
	peers     *peers                                // nil: there is no other server
}

// New makes a Hub without listeners.
func New() *Hub {
	return &Hub{listeners: make(map[string]map[chan struct{}]struct{})}
}

// Wake hints at a change of topic. It never blocks.
func (h *Hub) Wake(topic string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wake(topic)
	if topic != "" {
		h.wake("")
	}
	if h.peers != nil {
		h.peers.say(topic)
	}
}

func (h *Hub) wake(topic string) {
	for c := range h.listeners[topic] {
		signal(c) // one that waits there already joins it
	}
}

// Listen hears the hints of topic, or of all topics when it is "". Many hints
// may merge into one, but after Listen has returned none is lost: the channel
// keeps one until it is received. Call stop when done; the channel is not
// closed.
func (h *Hub) Listen(topic string) (c <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners[topic] == nil {
		h.listeners[topic] = make(map[chan struct{}]struct{})
	}
	h.listeners[topic][ch] = struct{}{}
	return ch, func() { h.stop(topic, ch) }
}

func (h *Hub) stop(topic string, c chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listeners[topic], c)
	if len(h.listeners[topic]) == 0 {
		delete(h.listeners, topic)
	}
}
