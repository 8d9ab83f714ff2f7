package yard

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Listener is an environment's door: where its services answer by name.
type Listener struct {
	Environment string
	Address     string      // HOST:PORT
	Domain      string      // its services are at SERVICE.Domain
	TLS         *tls.Config // by which clients trust its certificate; nil: it speaks no TLS

	cert, key string
}

// Listener makes one on a port of this installation; secure, with a certificate
// for all names of its domain. It opens when it is declared.
func (y *Yard) Listener(environment string, secure bool) (Listener, error) {
	y.listeners++
	l := Listener{
		Environment: environment, Domain: environment + ".example",
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(y.Listen+ports-y.listeners)),
	}
	if !secure {
		return l, nil
	}
	l.cert, l.key = filepath.Join(y.dir, environment+".cert"), filepath.Join(y.dir, environment+".key")
	pool, err := issue(l.cert, l.key, "*."+l.Domain)
	l.TLS = &tls.Config{RootCAs: pool}
	return l, err
}

// URL is the address of a service at the listener.
func (l Listener) URL(service string) string {
	scheme := "http"
	if l.TLS != nil {
		scheme = "https"
	}
	_, port, _ := net.SplitHostPort(l.Address)
	return scheme + "://" + service + "." + l.Domain + ":" + port
}

// Declare declares the environments test and prod with these listeners, and
// waits until they are open.
func (y *Yard) Declare(ctx context.Context, listeners ...Listener) error {
	at := map[string]string{}
	for _, l := range listeners {
		files := ""
		if l.cert != "" {
			files = fmt.Sprintf(", cert: %q, key: %q", l.cert, l.key)
		}
		at[l.Environment] = fmt.Sprintf("listener: { address: %q, domain: %s%s }", l.Address, l.Domain, files)
	}
	prod := strings.Join(strings.Fields("previous: test, queue: production, "+at["prod"]), " ")
	text := fmt.Sprintf("environments:\n  test: { %s }\n  prod: { %s }\n", at["test"], strings.TrimSuffix(prod, ","))
	file := filepath.Join(y.dir, "environments.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	if _, err := y.Do(ctx, y.dir, y.Slipway, "apply", file, "--yes"); err != nil {
		return err
	}
	for _, l := range listeners {
		if err := awaitOpen(ctx, l.Address); err != nil {
			return err
		}
	}
	return nil
}

func awaitOpen(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// issue makes a certificate for a name, and who trusts it.
func issue(cert, key, name string) (*x509.CertPool, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	read, err := x509.ParseCertificate(signed)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(read)
	return pool, nil
}
