package preflight

import (
	"context"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"
)

func askAMQP(ctx context.Context, address string, _ map[string]string) (string, error) {
	u, host, err := target(address, "5672", "amqp", "amqps")
	if err != nil {
		return host, err
	}
	if u.Scheme == "amqps" && u.Port() == "" {
		host = join(u.Hostname(), "5671")
	}
	conn, err := amqp.DialConfig(address, amqp.Config{
		Properties: amqp.Table{"product": "slipway-preflight"},
		Dial: func(network, at string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, at)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = c.Close() })
			}
			return c, err
		},
	})
	if err != nil {
		return host, late(ctx, err)
	}
	channel, err := conn.Channel()
	if err == nil {
		err = channel.Close()
	}
	_ = conn.Close()
	return host, late(ctx, err)
}

// late tells that an error is because the time was over.
func late(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
