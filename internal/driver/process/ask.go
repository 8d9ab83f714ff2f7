package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/slipway-cd/slipway"
)

const excerptBytes = 256

// askPort asks the instance at its port, and nobody that it refers to. late
// says that it did not answer in time.
func (p *prober) askPort(ctx context.Context, pr slipway.Probe, within time.Duration) (ok bool, why string, late bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var what string
	var err error
	switch at := p.spec.Addr().String(); {
	case pr.HTTP != "":
		what, err = "GET "+pr.HTTP, askHTTP(ctx, at, pr.HTTP)
	case pr.GRPC != nil:
		what, err = "grpc health", askGRPC(ctx, at, *pr.GRPC)
		if *pr.GRPC != "" {
			what += " of " + *pr.GRPC
		}
	default:
		what, err = "tcp "+at, askTCP(ctx, at)
	}
	said, isSaid := errors.AsType[answer](err)
	switch {
	case err == nil:
		return true, "", false
	case isSaid:
		return false, what + " → " + string(said), false
	case ctx.Err() != nil:
		return false, fmt.Sprintf("%s: no answer within %v", what, within), true
	}
	return false, what + ": " + reason(err), false
}

// answer is what the instance said, when that is no.
type answer string

func (a answer) Error() string { return string(a) }

// direct asks through no proxy, follows nobody, and leaves no connection behind:
// whoever is connected keeps an instance from being ended.
var direct = http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func askHTTP(ctx context.Context, at, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "slipway-probe")
	res, err := direct.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 200 && res.StatusCode < 400 {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, excerptBytes))
	return answer(excerpt(fmt.Sprint(res.StatusCode), string(body)))
}

// excerpt adds the first line that was said.
func excerpt(how, said string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	if line == "" {
		return how
	}
	return fmt.Sprintf("%s %q", how, line)
}

func askTCP(ctx context.Context, at string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	return conn.Close()
}

// askGRPC asks for the health of a service, or of the server itself.
func askGRPC(ctx context.Context, at, service string) error {
	conn, err := grpc.NewClient("passthrough:///"+at, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithUserAgent("slipway-probe"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	res, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	switch s, isStatus := status.FromError(err); {
	case err == nil && res.GetStatus() == healthpb.HealthCheckResponse_SERVING:
		return nil
	case err == nil:
		return answer(res.GetStatus().String())
	case isStatus && s.Code() == codes.Unimplemented:
		return answer("it does not have grpc.health.v1")
	case isStatus && s.Code() != codes.DeadlineExceeded:
		return answer(excerpt(s.Code().String(), s.Message()))
	}
	return err
}
