package slipway

// What a browser knows of the pages. A cookie knows hosts and no ports: without
// care, the one for the pages would be sent to every service on the same host.
const (
	// PagesHost is the name under which the pages of an installation on loopback
	// answer. No service answers to it.
	PagesHost = "slipway.localhost"

	// SessionCookie signs a browser in; over https its name has the prefix __Host-.
	// It is never sent on to a service, nor taken from one.
	SessionCookie = "slipway_session"
)
