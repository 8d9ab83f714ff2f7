package preflight

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway"
)

// Timeout is how long one check may take.
const Timeout = 5 * time.Second

// Ask makes one check, once. vars are the variables of the instance, that the
// check may refer to. The error is one line for people:
//
//	preflight redis 10.0.3.7:6379: connection refused
func Ask(ctx context.Context, c slipway.Check, vars map[string]string) error {
	kind, address := subject(c)
	address, err := expand(address, vars)
	if err != nil {
		return fmt.Errorf("%s: %w", title(c.Name, kind, ""), err)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	host, err := kinds[kind](ctx, address, vars)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", title(c.Name, kind, host), hide(reason(err), address, vars))
}

// asker makes a check of one kind, and says which host and port it is about as
// soon as it knows.
type asker func(ctx context.Context, address string, vars map[string]string) (host string, err error)

var kinds = map[string]asker{
	"tcp": askTCP, "http": askHTTP, "redis": askRedis, "amqp": askAMQP, "postgres": askPostgres, "s3": askS3,
	"": func(context.Context, string, map[string]string) (string, error) {
		return "", errors.New("it does not say what to check")
	},
}

func subject(c slipway.Check) (kind, address string) {
	for _, s := range []struct{ kind, address string }{
		{"tcp", c.TCP}, {"http", c.HTTP}, {"redis", c.Redis}, {"amqp", c.AMQP}, {"postgres", c.Postgres}, {"s3", c.S3},
	} {
		if s.address != "" {
			return s.kind, s.address
		}
	}
	return "", ""
}

func title(name, kind, host string) string {
	what := strings.TrimSpace(kind + " " + host)
	if name == "" {
		return strings.TrimSpace("preflight " + what)
	}
	return fmt.Sprintf("preflight %s (%s)", name, what)
}

// errAddress says that an address cannot be read, and not the address.
var errAddress = errors.New("its address is none; look at the variable that holds it")

// target reads an address that is a URL.
func target(address, port string, schemes ...string) (*url.URL, string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, "", errAddress
	}
	if slices.Contains(schemes, u.Scheme) {
		return u, join(u.Hostname(), cmp.Or(u.Port(), port)), nil
	}
	return nil, "", fmt.Errorf("its address must begin with %s://, not %s://", schemes[0], u.Scheme)
}
