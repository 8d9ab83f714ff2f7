package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// inHand is how many messages a worker is given before it has acknowledged any.
const inHand = 4

// worker takes the messages of a queue while it is told to.
type worker struct {
	*gauge
	queue    string
	channel  *amqp.Channel
	finished chan struct{} // closed when all that it was given is done; nil: it takes none
}

// work is a worker until ctx ends. What it has in its hands by then it finishes.
func (g *gauge) work(ctx context.Context, queue string) error {
	told := make(chan os.Signal, 8) // before the file is looked at, which is written before
	signal.Notify(told, syscall.SIGUSR1, syscall.SIGUSR2)
	conn, err := amqp.Dial(os.Getenv("GAUGE_AMQP"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	broken := conn.NotifyClose(make(chan *amqp.Error, 1))
	w := &worker{gauge: g, queue: queue}
	if w.channel, err = conn.Channel(); err != nil {
		return err
	}
	if err := w.channel.Qos(inHand, 0, false); err != nil {
		return err
	}
	go g.ripen()
	_, _ = fmt.Fprintln(os.Stdout, "waits for work, process", os.Getpid())
	for {
		if err := w.turn(isActive()); err != nil {
			return err
		}
		select {
		case <-told:
		case why := <-broken:
			return fmt.Errorf("the broker hung up: %w", why)
		case <-ctx.Done():
			return w.turn(false)
		}
	}
}

// isActive is what this instance is told.
func isActive() bool {
	text, err := os.ReadFile(os.Getenv("SLIPWAY_ACTIVE_FILE"))
	if err != nil {
		return os.Getenv("SLIPWAY_ACTIVE") == "1"
	}
	return strings.TrimSpace(string(text)) == "1"
}

// turn begins to take messages, or takes no more and finishes those that it has.
func (w *worker) turn(active bool) error {
	switch {
	case active && w.finished == nil:
		messages, err := w.channel.Consume(w.queue, "gauge", false, false, false, false, nil)
		if err != nil {
			return err
		}
		w.finished = make(chan struct{})
		go func() {
			defer close(w.finished)
			for m := range messages {
				w.take(m)
			}
		}()
	case !active && w.finished != nil:
		if err := w.channel.Cancel("gauge", false); err != nil {
			return err
		}
		<-w.finished
		w.finished = nil
	}
	return nil
}

// take does what a message asks for, which is to stand in the ledger, and
// acknowledges it.
func (w *worker) take(m amqp.Delivery) {
	w.write("took", fmt.Sprintf("%s %s %s %d", m.MessageId, os.Getenv("SLIPWAY_INSTANCE"), os.Getenv("SLIPWAY_RELEASE"), time.Now().UnixMicro()))
	time.Sleep(w.takes)
	if rand.Float64() < w.wrong.part {
		w.log.Error("cannot think")
	}
	w.write("did", m.MessageId)
	if err := m.Ack(false); err != nil {
		w.log.Warn("acknowledge", "err", err)
	}
}

// readyFile is what a worker holds locked while it is ready, however it ends.
func readyFile() string { return filepath.Join(os.Getenv("TMPDIR"), "ready") }

// ripen makes a worker ready when it is time.
func (g *gauge) ripen() {
	for !g.isReady() {
		time.Sleep(10 * time.Millisecond)
	}
	f, err := os.OpenFile(readyFile(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		g.log.Error("become ready", "err", err)
		return
	}
	g.write("ready", os.Getenv("SLIPWAY_INSTANCE"))
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		g.log.Error("become ready", "err", err)
	}
	g.ripe = f
}

// askReady is the readiness probe of a worker: whether one is ready here.
func askReady(context.Context) error {
	f, err := os.Open(readyFile())
	if err != nil {
		return errors.New("not yet")
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("not yet")
	}
	return nil
}
