package preflight

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

func askRedis(ctx context.Context, address string, _ map[string]string) (string, error) {
	host := "a socket"
	if !strings.HasPrefix(address, "unix://") {
		var err error
		if _, host, err = target(address, "6379", "redis", "rediss"); err != nil {
			return host, err
		}
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return host, errAddress
	}
	o.Protocol, o.MaxRetries, o.PoolSize, o.DialerRetries, o.DisableIdentity = 2, -1, 1, 1, true
	conn, err := dial(ctx, o)
	if err != nil {
		return host, err
	}
	defer func() { _ = conn.Close() }()
	o.Dialer = func(context.Context, string, string) (net.Conn, error) { return conn, nil } // the library would log its own failures
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.ContextTimeoutEnabled = Timeout, Timeout, Timeout, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(o)
	defer func() { _ = client.Close() }()
	said := rand.Text()
	heard, err := client.Echo(ctx, said).Result()
	if err == nil && heard != said {
		err = errors.New("ECHO answered something else")
	}
	return host, err
}

func dial(ctx context.Context, o *redis.Options) (net.Conn, error) {
	if o.TLSConfig != nil {
		return (&tls.Dialer{Config: o.TLSConfig}).DialContext(ctx, o.Network, o.Addr)
	}
	return new(net.Dialer).DialContext(ctx, o.Network, o.Addr)
}
