package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
)

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand puts the values of variables in. One that is not there, or is empty,
// is a mistake that would look like a server that is down.
func expand(text string, vars map[string]string) (string, error) {
	var err error
	text = variable.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-1]
		value, ok := vars[name]
		switch {
		case !ok:
			err = fmt.Errorf("the instance has no variable %s", name)
		case value == "":
			err = fmt.Errorf("the variable %s is empty", name)
		}
		return value
	})
	return text, err
}

// maxReason bounds what a server says of itself.
const maxReason = 300

// reason is the innermost part of an error, which is what a person needs:
// connection refused.
func reason(err error) string {
	if t, isNet := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isNet && t.Timeout() {
		return fmt.Sprintf("no answer within %v", Timeout)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Err + " " + dns.Name
	}
	for {
		var inner error
		switch w := err.(type) { //nolint:errorlint // one step at a time
		case interface{ Unwrap() error }:
			inner = w.Unwrap()
		case interface{ Unwrap() []error }:
			if all := w.Unwrap(); len(all) > 0 {
				inner = all[len(all)-1]
			}
		}
		if inner == nil {
			break
		}
		err = inner
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}

// hide takes out of a text what must not be seen, should a server or a library
// repeat it.
func hide(text, address string, vars map[string]string) string {
	hidden := []string{address, vars["AWS_SECRET_ACCESS_KEY"], vars["AWS_SESSION_TOKEN"]}
	if u, err := url.Parse(address); err == nil && u.User != nil {
		password, _ := u.User.Password()
		hidden = append(hidden, u.User.String(), password, url.QueryEscape(password), url.PathEscape(password))
	}
	for _, h := range hidden {
		if len(h) > 2 {
			text = strings.ReplaceAll(text, h, "…")
		}
	}
	return text
}

func join(host, port string) string {
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}
