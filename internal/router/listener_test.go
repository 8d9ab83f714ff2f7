package router_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway"
)

// listens declares that prod listens by name, and waits until it does.
func (w *world) listens(l slipway.Listener) {
	w.Helper()
	w.store.Declare(slipway.Environments{{Name: "test"}, {Name: "prod", Listener: &l}})
	w.hub.Wake("routes")
	w.eventually("the listener is open", func() bool {
		c, err := net.Dial("tcp", l.Address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func localPort(t *testing.T) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
}

func TestServicesAreReachedByName(t *testing.T) {
	w := newWorld(t)
	w.acknowledged(w.route(time.Second, w.start(nil)))
	at := localPort(t)
	w.listens(slipway.Listener{Address: at, Domain: "Prod.Example.COM"})
	for host, want := range map[string]string{
		"thoughts-backend.prod.example.com":                  "200",
		"thoughts-backend.prod.example.com:8080":             "200",
		"Thoughts-Backend.PROD.example.com.":                 "200",
		"thoughts-backend.prod.example.com.:80":              "200",
		"thoughts-backend.prod.example.com..":                "421",
		"prod.example.com":                                   "421",
		"a.thoughts-backend.prod.example.com":                "421",
		"thoughts-backend.prod.example.com.evil":             "421",
		"thoughts-backend":                                   "421",
		"other.prod.example.com":                             "421",
		"127.0.0.1":                                          "421",
		"[::1]:80":                                           "421",
		"":                                                   "421",
		"thoughts-backend.prod.example.com:x":                "4", // 400 or 421
		"thoughts-backend.test.example.com":                  "421",
		"slipway.localhost":                                  "421",
		"thoughts-backend.prod.example.com@prod.example.com": "4",
	} {
		answer, _ := exchange(t, at, "GET / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 "+want) {
			t.Errorf("%q: %.60q, want %s", host, answer, want)
		}
	}
	answer, _ := exchange(t, at, "GET http://thoughts-backend.prod.example.com/ HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200") && !strings.HasPrefix(answer, "HTTP/1.1 4") {
		t.Errorf("an absolute target: %.60q", answer)
	}
	if answer, _ := exchange(t, w.addr(), "GET / HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Errorf("the service's own port: %.60q", answer)
	}
	w.store.Declare(nil)
	w.hub.Wake("routes")
	w.eventually("the listener is closed", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
}

// issue writes a certificate of its own for *.prod.localhost with a serial
// number, and returns what trusts it.
func issue(t *testing.T, cert, key string, serial int64) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "prod"}, DNSNames: []string{"*.prod.localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(read)
	return pool
}

func TestListenersSpeakTLS(t *testing.T) {
	w := newWorld(t)
	rec := &record{}
	w.acknowledged(w.route(time.Second, w.start(rec.serve)))
	at, cert, key := localPort(t), filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	pool := issue(t, cert, key, 1)
	w.listens(slipway.Listener{Address: at, Domain: "prod.localhost", Cert: cert, Key: key})

	const name = "thoughts-backend.prod.localhost"
	client := func(protocols ...string) *http.Client {
		c := &http.Client{Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: name, NextProtos: protocols},
			ForceAttemptHTTP2: len(protocols) == 0,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", at)
			},
		}}
		t.Cleanup(c.CloseIdleConnections)
		return c
	}
	ask := func(c *http.Client, host string) (code int, proto, text string) {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+name+"/a", strings.NewReader("body"))
		req.Host = host
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, res.Proto, string(body)
	}
	for what, c := range map[string]*http.Client{"HTTP/2.0": client(), "HTTP/1.1": client("http/1.1")} {
		code, proto, text := ask(c, name)
		if code != http.StatusOK || proto != what || text != "ok" {
			t.Errorf("%s: %s %d %q", what, proto, code, text)
		}
		rec.mu.Lock()
		if proto := rec.last.Get("X-Forwarded-Proto"); proto != "https" || rec.host != name {
			t.Errorf("%s: the instance was told %q of %q", what, proto, rec.host)
		}
		rec.mu.Unlock()
		if code, _, text := ask(c, "other.prod.localhost"); code != http.StatusMisdirectedRequest || !strings.Contains(text, "was made to "+name) {
			t.Errorf("%s, another Host than the SNI: %d %q", what, code, text)
		}
	}

	serial := func() int64 {
		t.Helper()
		c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.observed("what is wrong with the file", func(s slipway.RouteStatus) bool {
		return strings.Contains(s.Why, "listener of prod") && strings.Contains(s.Why, "the one before is in use")
	})
	if serial() != 1 {
		t.Error("a bad file took the good certificate away")
	}
	issue(t, cert, key, 2)
	w.observed("that it is good again", func(s slipway.RouteStatus) bool { return s.Why == "" })
	if serial() != 2 {
		t.Error("the new certificate is not in use")
	}
}

// A sticky cookie under TLS is sent under TLS alone.
func TestACookieUnderTLSIsSecure(t *testing.T) {
	w := newWorld(t)
	w.sticky(slipway.Share{Group: "g1", Weight: slipway.All, Endpoints: endpoints(w.start(nil))})
	at, cert, key := localPort(t), filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	issue(t, cert, key, 1)
	w.listens(slipway.Listener{Address: at, Domain: "prod.localhost", Cert: cert, Key: key})
	c, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true, ServerName: "thoughts-backend.prod.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: thoughts-backend.prod.localhost\r\nConnection: close\r\n\r\n")
	answer, _ := io.ReadAll(c)
	if !strings.Contains(string(answer), "; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("%q", answer)
	}
}
