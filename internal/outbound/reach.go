package outbound

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway"
)

// Reach is what may be connected to besides public addresses. The zero value is
// nothing.
type Reach struct{ networks []netip.Prefix }

// Words that stand for networks.
var words = map[string][]netip.Prefix{
	"loopback": prefixes("127.0.0.0/8", "::1/128"),
	"private":  prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
	"none":     nil,
}

// never are addresses of the link, on which clouds tell machines their secrets,
// those that some clouds use instead, and those that are nobody's.
var never = prefixes("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32",
	"0.0.0.0/8", "::/128", "224.0.0.0/4", "255.255.255.255/32", "ff00::/8")

// special are not public, though they look it: they are kept for protocols, tests
// and documents, or hold another address.
var special = prefixes("100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10")

// Parse reads networks, addresses, and words for them: loopback, 10.1.0.0/16. The words are
// loopback, private and none. It returns Invalid for what is neither.
func Parse(text string) (Reach, error) {
	var r Reach
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if some, known := words[part]; known {
			r.networks = append(r.networks, some...)
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil {
			part = netip.PrefixFrom(a, a.BitLen()).String()
		}
		network, err := netip.ParsePrefix(part)
		if err != nil {
			return Reach{}, slipway.Errorf(slipway.Invalid, "%.80q is no network", part).
				Do("name networks such as 10.1.0.0/16, addresses, loopback, private or none, with commas between")
		}
		r.networks = append(r.networks, network.Masked())
	}
	return r, nil
}

// Check returns Forbidden for an address that may not be connected to.
func (r Reach) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case slices.ContainsFunc(never, holds):
		return slipway.Errorf(slipway.Forbidden, "%s may not be asked for by anybody", a)
	case a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, holds), slices.ContainsFunc(r.networks, holds):
		return nil
	}
	return slipway.Errorf(slipway.Forbidden, "%s is not public, and the server may not ask it", a).
		Do("whoever runs the server can let it: slipway up --reach %s", a)
}

func prefixes(all ...string) (some []netip.Prefix) {
	for _, p := range all {
		some = append(some, netip.MustParsePrefix(p))
	}
	return some
}
