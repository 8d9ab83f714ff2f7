package outbound_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/outbound"
)

func TestCheck(t *testing.T) {
	const public = "1.1.1.1 93.184.216.34 172.15.0.1 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8"
	const never = "169.254.169.254 ::ffff:169.254.169.254 fe80::1 fe80::1%lo fd00:ec2::254 100.100.100.200 0.0.0.0 0.1.2.3 :: 224.0.0.1 255.255.255.255 ff02::1"
	const special = "192.0.2.1 198.18.0.1 203.0.113.9 240.0.0.1 ::7f00:1 64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1"
	const loopback, private = "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1", "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 fd12::1 ::ffff:10.0.0.1"
	for _, c := range []struct{ reach, may, mayNot string }{
		{"", public, strings.Join([]string{never, special, loopback, private}, " ")},
		{"none", public, strings.Join([]string{never, special, loopback, private}, " ")},
		{"loopback", public + " " + loopback, strings.Join([]string{never, special, private}, " ")},
		{"private, loopback", strings.Join([]string{public, private, loopback}, " "), never + " " + special},
		{"10.0.0.0/24,fd12::/16", public + " 10.0.0.1 fd12::1", strings.Join([]string{never, loopback}, " ") + " 10.0.1.1 fd13::1"},
		{"10.0.0.9/24, 10.0.1.2", "10.0.0.1 10.0.1.2", "10.0.1.1"},
		{"0.0.0.0/0,::/0", strings.Join([]string{public, special, loopback, private}, " "), never},
	} {
		r, err := outbound.Parse(c.reach)
		if err != nil {
			t.Fatal(err)
		}
		for a := range strings.FieldsSeq(c.may) {
			if err := r.Check(netip.MustParseAddr(a)); err != nil {
				t.Errorf("%q: %v", c.reach, err)
			}
		}
		for a := range strings.FieldsSeq(c.mayNot) {
			if err := r.Check(netip.MustParseAddr(a)); slipway.CodeOf(err) != slipway.Forbidden {
				t.Errorf("%q: %s may be asked", c.reach, a)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"10.0.0", "everything", "loopback;private", "10.0.0.0/33", "example.com"} {
		if _, err := outbound.Parse(text); slipway.CodeOf(err) != slipway.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
