package daemon

import (
	"net"
	"testing"

	"github.com/slipway-cd/slipway"
)

func TestWhereTheServerIsReached(t *testing.T) {
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7070}
	for _, tt := range []struct {
		addr *net.TCPAddr
		url  string
		want place
		code slipway.Code
	}{
		{loopback, "", place{"http://127.0.0.1:7070", "http://slipway.localhost:7070", true}, ""},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 7070}, "", place{"http://[::1]:7070", "http://slipway.localhost:7070", true}, ""},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 80}, "", place{"http://192.0.2.7:80", "http://192.0.2.7:80", false}, ""},
		{loopback, "https://ci.example.com/", place{"https://ci.example.com", "https://ci.example.com", false}, ""},
		{loopback, "https://ci.example.com/slipway", place{}, slipway.Invalid},
		{loopback, "https://mei:secret@ci.example.com", place{}, slipway.Invalid},
		{loopback, "ci.example.com", place{}, slipway.Invalid},
		{loopback, "javascript:alert(1)", place{}, slipway.Invalid},
	} {
		got, err := placeOf(tt.addr, ServerOptions{URL: tt.url})
		if got != tt.want || slipway.CodeOf(err) != tt.code {
			t.Errorf("%s %q: %+v, %v", tt.addr, tt.url, got, err)
		}
	}
}
