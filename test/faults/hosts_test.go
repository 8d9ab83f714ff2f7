package faults_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/internal/load"
	"github.com/slipway-cd/slipway/test/faults/yard"
)

// knock is a request at a listener by some name, and who has to answer it.
type knock struct {
	at    *yard.Listener
	sni   string // that the connection is made to, under TLS
	host  string
	http2 bool
	by    string // SERVICE in ENVIRONMENT; "": nobody, with 421
}

func (k knock) String() string {
	return fmt.Sprintf("%s as %q on a connection to %q, HTTP/2 %t", k.at.Environment, k.host, k.sni, k.http2)
}

// knocks are the names that are tried at two listeners, of which the first
// speaks TLS.
func knocks(test, prod *yard.Listener) []knock {
	_, port, _ := net.SplitHostPort(prod.Address)
	all := []knock{
		{at: prod, host: "gauge.prod.example", by: "gauge in prod"},
		{at: prod, host: "gauge.prod.example:" + port, by: "gauge in prod"},
		{at: prod, host: "GAUGE.Prod.Example.", by: "gauge in prod"},
	}
	for _, host := range []string{
		"gauge.test.example", "other.prod.example", "nobody.prod.example", "prod.example", "gauge", "a.gauge.prod.example", "gauge.prod.example.evil.example",
		"gauge.prod.example..", "evil.example", "127.0.0.1", "127.0.0.1:" + port, "[::1]", "localhost", "slipway.localhost",
	} {
		all = append(all, knock{at: prod, host: host})
	}
	for _, http2 := range []bool{false, true} {
		const gauge, other = "gauge.test.example", "other.test.example"
		all = append(all,
			knock{test, gauge, gauge, http2, "gauge in test"},
			knock{test, other, other, http2, "other in test"},
			knock{test, "", gauge, http2, "gauge in test"},
			knock{test, gauge, other, http2, ""}, // a certificate for both is no leave to share a connection
			knock{test, other, gauge, http2, ""},
			knock{test, "nobody.test.example", gauge, http2, ""},
			knock{test, gauge, "gauge.prod.example", http2, ""},
			knock{test, "gauge.prod.example", "gauge.prod.example", http2, ""},
			knock{test, gauge, "evil.example", http2, ""},
			knock{test, "", "127.0.0.1", http2, ""},
		)
	}
	return all
}

// ask knocks once, on a connection of its own. An error is one of connecting.
func (k knock) ask(ctx context.Context) (by string, code int, err error) {
	p := new(http.Protocols)
	p.SetHTTP1(!k.http2)
	p.SetHTTP2(k.http2)
	transport := &http.Transport{Protocols: p, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", k.at.Address)
	}}
	defer transport.CloseIdleConnections()
	u := url.URL{Scheme: "http", Host: k.at.Address}
	if k.at.TLS != nil {
		u.Scheme = "https"
		transport.TLSClientConfig = &tls.Config{ServerName: k.sni, InsecureSkipVerify: true} // names that no certificate has, too
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", 0, err
	}
	req.Host = k.host
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	service, _, _ := strings.Cut(res.Header.Get("Served-By"), "/")
	if where := res.Header.Get("Served-In"); where != "" {
		by = service + " in " + where
	}
	return by, res.StatusCode, nil
}

// TestHosts has two environments, each with a listener of its own, and asks at
// each by all kinds of names while everything is deployed and the router is
// upgraded and killed: only the exact name of a service is that service, only at
// its own environment's listener, and only on a connection that was made to it.
func TestHosts(t *testing.T) {
	t.Parallel()
	w := raise(t, yard.Options{})
	test, err := w.Listener("test", true)
	w.must(err)
	prod, err := w.Listener("prod", false)
	w.must(err)
	w.must(w.Declare(w.Context(), test, prod))
	const at = "strategy: rolling, rolling: { surge: 2, step: 2 }"
	tried := filepath.Join(t.TempDir(), "tried")
	preview := fmt.Sprintf("strategy: immutable, immutable: { keep_old: 0s, preview: { command: 'echo $SLIPWAY_PREVIEW_URL >%s.new; mv %[1]s.new %[1]s; until [ -e %[1]s.done ]; do sleep 0.05; done', timeout: 60s } }", tried)
	w.publish(
		yard.Version{Service: "gauge", Replicas: 2, Rollout: at, Prod: true},
		yard.Version{Service: "other", Replicas: 2, Rollout: at},
		yard.Version{Service: "gauge", Replicas: 2, Rollout: preview},
	)
	w.deploy("gauge", 1)
	w.deploy("other", 1)
	w.deployTo("prod", "gauge", 1)

	all := knocks(&test, &prod)
	ctx, stop := context.WithCancel(t.Context())
	var knocking sync.WaitGroup
	asked := 0
	var unasked []load.Loss
	var routers []outage
	knocking.Go(func() {
		for ctx.Err() == nil {
			for _, k := range all {
				began := time.Now()
				by, code, err := k.ask(context.WithoutCancel(ctx))
				asked++
				want := http.StatusMisdirectedRequest
				if k.by != "" {
					want = http.StatusOK
				}
				switch {
				case err != nil:
					unasked = append(unasked, load.Loss{ID: k.String(), Why: err.Error(), Began: began, End: time.Now()})
					sleep(5 * time.Millisecond)
				case by != k.by || code != want:
					t.Errorf("%s: %d by %q, want %d by %q", k, code, by, want, k.by)
				}
			}
		}
	})
	for range times(5) {
		for _, name := range []string{"gauge", "other"} {
			w.deploy(name, 1)
		}
		w.deployTo("prod", "gauge", 1)
		w.upgradeRouter()
		sleep(200 * time.Millisecond)
		o := w.killRouter()
		for _, l := range []yard.Listener{test, prod} { // which are opened after the ports
			w.eventually(10*time.Second, func() error { return dials(l.Address) })
		}
		o.back = time.Now()
		routers = append(routers, o)
		sleep(500 * time.Millisecond)
	}
	w.previews(tried)
	stop()
	knocking.Wait()
	for _, l := range unasked {
		if withRouter(routers, l) == "" {
			t.Errorf("%s: %s at %s", l.ID, l.Why, l.End.Format("15:04:05.000"))
		}
	}
	w.note("%d requests by %d names, %d of them while no router listened", asked, len(all), len(unasked))
}

// previews asks for the release whose tests hold it up, and looks at its preview
// address meanwhile.
func (w *world) previews(file string) {
	w.Helper()
	d := w.ask("gauge", 2)
	var address *url.URL
	w.eventually(30*time.Second, func() error {
		text, err := os.ReadFile(file)
		if err == nil {
			address, err = url.Parse(strings.TrimSpace(string(text)))
		}
		return err
	})
	release := func(u string) string {
		res, err := http.Get(u)
		w.must(err)
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, res.Body)
		_, by, _ := strings.Cut(res.Header.Get("Served-By"), "/")
		by, _, _ = strings.Cut(by, "/")
		return by
	}
	for range 50 {
		if got := release(address.String()); got != "2" {
			w.Fatalf("the preview address leads to @%s", got)
		}
		if got := release(w.url("gauge")); got != "1" {
			w.Fatalf("the service's address leads to @%s before its tests have passed", got)
		}
	}
	if host := address.Hostname(); host != "127.0.0.1" && host != "localhost" {
		w.Errorf("the preview address is %s, not one of this machine alone", address)
	}
	if err := dials(net.JoinHostPort("127.0.0.2", address.Port())); err == nil {
		w.Error("the preview address is open beyond 127.0.0.1")
	}
	w.must(os.WriteFile(file+".done", nil, 0o600))
	w.ends(d.ID, good...)
	w.eventually(10*time.Second, func() error {
		if dials(address.Host) == nil {
			return errors.New("the preview address is open after the deployment")
		}
		return nil
	})
}

// deployTo deploys a release to an environment, where it has to succeed.
func (w *world) deployTo(environment, service string, release int) {
	w.Helper()
	d, err := w.DeployTo(w.Context(), environment, service, release)
	w.must(err)
	w.ends(d.ID, good...)
}
