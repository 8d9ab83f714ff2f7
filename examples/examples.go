// Package examples embeds the example services, so that the demo needs nothing
// but the binary.
package examples

import "embed"

// files holds thoughts/: three services and the build scripts that they share,
// each a repository of its own. They have no go.mod here, for a nested module
// cannot be embedded: see [Copy].
//
//go:embed all:thoughts
var files embed.FS
