package router

import (
	"strings"
)

// authority is the name in a Host field or an SNI: in lower case, without port
// and without the dot that may end a full name. What is no name becomes one that
// nobody has.
func authority(host string) string {
	if strings.HasPrefix(host, "[") { // an IPv6 address, which no service has
		return host
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && digits(host[i+1:]) {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
