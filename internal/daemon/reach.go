package daemon

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-cd/slipway"
	"github.com/slipway-cd/slipway/internal/outbound"
)

// reachEnv is what the server may ask besides public addresses, for units that
// read their variables from a file; the flag --reach goes before it.
const reachEnv = "SLIPWAY_REACH"

func reachFlag(c *cobra.Command, reach *string) {
	c.Flags().StringVar(reach, "reach", os.Getenv(reachEnv),
		"what manifests may have the server ask besides public addresses: loopback, private, networks such as 10.1.0.0/16, none; \"\" is loopback where only this machine reaches the server")
}

// checkReach returns Invalid for what names no networks.
func checkReach(text string) error {
	_, err := outbound.Parse(text)
	if err != nil {
		return slipway.Errorf(slipway.Invalid, "--reach: %w", err)
	}
	return nil
}

// reachOf is what a server may ask. Who can reach it from elsewhere must not get by
// it at what only its machine can reach, unless whoever runs it says so.
func reachOf(text string, at place) (outbound.Reach, error) {
	if text == "" && at.here {
		text = "loopback"
	}
	return outbound.Parse(text)
}
