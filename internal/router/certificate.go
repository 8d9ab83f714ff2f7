package router

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// certificates are those of all listeners, by their files.
type certificates map[[2]string]*certificate

func (cs certificates) of(cert, key string) *certificate {
	files := [2]string{cert, key}
	if cs[files] == nil {
		cs[files] = &certificate{cert: cert, key: key}
	}
	return cs[files]
}

// certificate is one that is read from files, and read again when they change.
// What cannot be read leaves the one before in use.
type certificate struct {
	cert, key string
	seen      [2]stamp // of the files that were read last
	why       string   // why they could not be
	current   atomic.Pointer[tls.Certificate]
}

// stamp is what changes with a file.
type stamp struct {
	size     int64
	modified time.Time
}

// refresh reads the files if they have changed, and returns what is wrong with
// them. Where two files do not fit each other one of them may be on its way: they
// are read again until they do.
func (c *certificate) refresh() string {
	seen := [2]stamp{stampOf(c.cert), stampOf(c.key)}
	if seen == c.seen && c.why == "" {
		return ""
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	c.seen, c.why = seen, ""
	if err == nil {
		c.current.Store(&pair)
		return ""
	}
	c.why = fmt.Sprintf("the certificate %s with the key %s cannot be used: %s", c.cert, c.key, reason(err))
	if c.usable() {
		c.why += "; the one before is in use"
	}
	return c.why
}

func stampOf(file string) stamp {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

func (c *certificate) usable() bool { return c.current.Load() != nil }

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
