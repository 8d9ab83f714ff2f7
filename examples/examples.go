// Package examples embeds the example services, so that the demo needs nothing
// but the binary.
package examples

import "embed"

// FS holds thoughts/: three services and the build scripts that they share,
// each a repository of its own. They have no go.mod here, for a nested module
// cannot be embedded; who makes repositories of them writes it.
//
//go:embed all:thoughts
var FS embed.FS
