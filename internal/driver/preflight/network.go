package preflight

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

func askTCP(ctx context.Context, address string, _ map[string]string) (string, error) {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(address, "tcp://"))
	if err != nil {
		return "", errAddress
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return net.JoinHostPort(host, port), err
	}
	return net.JoinHostPort(host, port), conn.Close()
}

// askHTTP asks the server itself: through no proxy, and nobody that it refers
// to.
func askHTTP(ctx context.Context, address string, _ map[string]string) (string, error) {
	u, host, err := target(address, "", "http", "https")
	if err != nil {
		return host, err
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return host, errAddress
	}
	req.Header.Set("User-Agent", "slipway-preflight")
	res, err := client.Do(req)
	if err != nil {
		return host, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 200 && res.StatusCode < 400 {
		return host, nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 256))
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return host, fmt.Errorf("GET %s → %d %q", path, res.StatusCode, line)
}
