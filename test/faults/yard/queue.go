package yard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Queue is a queue of a real broker, of one test alone, and who sends to it.
type Queue struct {
	URL, Name string

	conn    *amqp.Connection
	channel *amqp.Channel
	stop    chan struct{}
	once    sync.Once
	sending sync.WaitGroup

	mu        sync.Mutex
	confirmed []string
	troubles  []error
}

// OpenQueue makes a queue at a broker, which drops it when nobody takes anything
// from it for ten minutes, should its test not have ended it.
func OpenQueue(url string) (*Queue, error) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, err
	}
	q := &Queue{URL: url, Name: "slipway-faults-" + strings.ToLower(rand.Text()[:10]), conn: conn, stop: make(chan struct{})}
	if q.channel, err = conn.Channel(); err == nil {
		err = q.channel.Confirm(false)
	}
	if err == nil {
		_, err = q.channel.QueueDeclare(q.Name, false, false, false, false, amqp.Table{amqp.QueueTTLArg: (10 * time.Minute).Milliseconds()})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return q, nil
}

// Press sends so many messages a second, until Stop.
func (q *Queue) Press(rate int) {
	q.sending.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		began := time.Now()
		for n := 0; ; {
			select {
			case <-q.stop:
				return
			case <-tick.C:
			}
			for due := int(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
				q.send(fmt.Sprintf("m-%d", n))
			}
		}
	})
}

// send sends a message, and notes it when the broker says that it has it.
func (q *Queue) send(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	waits, err := q.channel.PublishWithDeferredConfirmWithContext(ctx, "", q.Name, true, false, amqp.Publishing{MessageId: id})
	if err != nil {
		q.note("", err)
		return
	}
	q.sending.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		has, err := waits.WaitContext(ctx)
		if err == nil && !has {
			err = errors.New("the broker refused " + id)
		}
		q.note(id, err)
	})
}

func (q *Queue) note(id string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.troubles = append(q.troubles, err)
		return
	}
	q.confirmed = append(q.confirmed, id)
}

// Stop sends no more, and returns what the broker has said that it has.
func (q *Queue) Stop() ([]string, error) {
	q.once.Do(func() { close(q.stop) })
	q.sending.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.confirmed), errors.Join(q.troubles...)
}

// End takes the queue away.
func (q *Queue) End() error {
	_, err := q.Stop()
	_, gone := q.channel.QueueDelete(q.Name, false, false, false)
	return errors.Join(err, gone, q.conn.Close())
}
