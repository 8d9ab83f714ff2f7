// Package peers holds the configurations of the programs that Slipway is
// measured against.
package peers

import "embed"

// Files are templates, each named as its program names it.
//
//go:embed nginx.conf haproxy.cfg Caddyfile
var Files embed.FS
