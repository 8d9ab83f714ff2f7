package manifest

import _ "embed"

//go:embed reference.yaml
var reference string

// Reference is a manifest with every key and what it means: the text of
// "slipway help manifest".
func Reference() string { return reference }
