package router

import (
	"context"
	"net"
	"sync"
	"time"
)

// Run routes until ctx ends, and then lets what is in flight finish for a
// while. It serves the table on disk at once, whether the server answers or
// not. When another process takes over it returns as soon as all that it had has
// ended. It returns a Conflict error when another process uses the directory.
func (r *Router) Run(ctx context.Context) error {
	memory, legacy, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer memory.close()
	if err := r.openMetrics(ctx); err != nil {
		return err
	}
	r.greet(ctx, memory)
	r.probe(ctx)
	r.serving.Go(func() { _ = r.server.Serve(r.hall.handed) })
	r.doors.start(ctx)
	if err := r.settle(ctx, memory, legacy); err != nil {
		r.stop(context.WithoutCancel(ctx), goodbye)
		return err
	}
	r.work(ctx, memory)
	ctx = context.WithoutCancel(ctx)
	if r.heir == nil {
		defer r.dismiss(ctx)()
	}
	r.stop(ctx, goodbye)
	r.farewell(ctx)
	return nil
}

// work follows the server until ctx ends, or until another process has taken
// over and all that this one had has ended.
func (r *Router) work(ctx context.Context, m *memory) {
	working, rest := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	defer loops.Wait()
	defer rest()
	loops.Go(func() { r.tend(working, m) })
	defer r.lines.start(func(l *link) { loops.Go(func() { r.speak(working, l) }) })()
	loops.Go(func() { r.tidy(working) })
	loops.Go(func() { r.hall.watch(working) })
	if r.showing != nil {
		loops.Go(func() { r.exhibit(working, r.showing) })
	}
	if line := r.awaitHeir(ctx, m); line != nil {
		defer func() { _ = line.Close() }() // by which the heir knows
		r.leave(ctx)
	}
}

// begin takes the directory, and puts into effect what is known: from disk, or
// from the process that is to be taken over.
func (r *Router) begin(ctx context.Context) (*memory, *heritage, error) {
	if r.config.Upgrade {
		h, err := r.inherit(ctx)
		if err != nil {
			return nil, nil, err
		}
		if h != nil {
			m, err := r.succeed(ctx, h)
			return m, h, err
		}
		r.log.Info("no router runs here; there is nothing to take over")
	}
	m, err := openMemory(r.config.Dir)
	if err != nil {
		return nil, nil, err
	}
	if r.before, err = m.loadBefore(); err != nil {
		r.log.Warn("which processes were before this one cannot be read", "error", err)
	}
	last, err := m.load()
	if err != nil {
		r.log.Warn("the last route table cannot be read; waiting for the server's", "error", err)
	}
	r.recall(ctx, last)
	return m, nil, nil
}

// settle makes what was begun final: from here on this process is the router.
func (r *Router) settle(ctx context.Context, m *memory, h *heritage) error {
	if err := m.tell(r.about()); err != nil {
		r.log.Warn("router.json cannot be written", "error", err)
	}
	if h == nil {
		return r.config.Serving()
	}
	r.keep(m)
	err := m.saveBefore(r.before)
	if err == nil {
		err = r.config.Serving()
	}
	if err == nil {
		err = r.relieve(ctx, h)
	}
	if err != nil {
		h.close()
	}
	return err
}

// greet tells the server that this router is about to serve, and takes a newer
// table if there is one, before the first request: while the router was down,
// nobody waited for it, and an address in its last table may be another's now.
// A server that does not answer is not waited for.
func (r *Router) greet(ctx context.Context, m *memory) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	server := r.lines.first
	if server.report(ctx, r.status()) != nil {
		return
	}
	if t, err := server.table(ctx, r.table.Load(), 0); err == nil && t != nil {
		r.lines.learn(t.Servers)
		r.apply(ctx, *t)
		r.keep(m)
	}
}

func (r *Router) serve(l net.Listener) {
	r.hall.open(l) // before anybody can close the hall
	r.serving.Go(func() { r.hall.serve(l) })
}

// stop closes the doors, waits for what is in flight, and cuts the rest.
func (r *Router) stop(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.hall.close(ctx)
	_ = r.server.Shutdown(ctx)
	_ = r.server.Close()
	r.serving.Wait()
	r.mu.Lock()
	for _, e := range r.endpoints {
		if !e.gone() {
			e.leave(0)
		}
	}
	r.mu.Unlock()
	r.until(context.WithoutCancel(ctx), 2*lastWords, func() bool { return r.open.Load() == 0 }) // tunnels are told
}
