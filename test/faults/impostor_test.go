package faults_test

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/test/faults/yard"
)

// of finds an instance's process and its shim's.
func (w *world) of(instance string) (victim, shim yard.Process) {
	w.Helper()
	for _, p := range w.Instances() {
		if p.Instance() == instance {
			victim = p
		}
	}
	for _, p := range w.Shims() {
		if p.Instance() == instance {
			shim = p
		}
	}
	if victim.PID == 0 || shim.PID == 0 {
		w.Fatalf("instance %s is process %d with shim %d", instance, victim.PID, shim.PID)
	}
	return victim, shim
}

// unready is nil while an instance does not count as ready.
func (w *world) unready(instance string) error {
	target, err := w.Client.Target(w.Context(), "gauge", "test")
	if err != nil {
		return err
	}
	for _, i := range target.Instances {
		if i.ID == instance && i.Phase == "ready" {
			return fmt.Errorf("instance %s counts as ready", instance)
		}
	}
	return nil
}

// impostor listens where an instance should, and answers 200 to all.
type impostor struct {
	w       *world
	address string
	there   chan struct{} // closed when it listens
	ended   chan struct{}
	once    sync.Once

	mu    sync.Mutex
	asked []string
	l     net.Listener
}

// impostor waits for a port that is taken, and takes it as soon as it is free.
func (w *world) impostor(address string) *impostor {
	p := &impostor{w: w, address: address, there: make(chan struct{}), ended: make(chan struct{})}
	w.Cleanup(p.leaves)
	go p.lurk()
	return p
}

func (p *impostor) lurk() {
	var l net.Listener
	for l == nil {
		select {
		case <-p.ended:
			return
		default:
			l, _ = net.Listen("tcp", p.address)
		}
	}
	p.mu.Lock()
	p.l = l
	p.mu.Unlock()
	close(p.there)
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, time.Now().Format("15:04:05.000 ")+r.Method+" "+r.URL.String())
	})}
	go func() { <-p.ended; _ = srv.Close() }()
	_ = srv.Serve(l)
}

// awaits waits until it listens.
func (p *impostor) awaits() {
	p.w.Helper()
	select {
	case <-p.there:
	case <-time.After(10 * time.Second):
		p.w.Fatalf("%s was never free", p.address)
	}
}

// leaves gives the port back. Nobody may have asked anything there.
func (p *impostor) leaves() {
	p.once.Do(func() {
		close(p.ended)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.l != nil {
			_ = p.l.Close()
		}
		if len(p.asked) > 0 {
			p.w.Errorf("somebody else, who had %s, was asked %d times: %v", p.address, len(p.asked), p.asked[:min(len(p.asked), 10)])
		}
	})
}
