package router

import (
	"fmt"
	"net/http"
)

// misdirected says why a request is at the wrong door; "" when it is not. A
// connection that was made to one name carries no request for another: who made
// it has checked, and who shares it has not, that both are one.
func misdirected(in *http.Request, c *client) string {
	l := c.listener
	if l.Environment == "" {
		return ""
	}
	host := authority(in.Host)
	if in.TLS != nil && in.TLS.ServerName != "" && authority(in.TLS.ServerName) != host {
		return fmt.Sprintf("this connection was made to %s; open another one for %s", authority(in.TLS.ServerName), host)
	}
	return ""
}

// nowhere answers a request for which nothing is routed.
func nowhere(w http.ResponseWriter, in *http.Request, c *client) {
	w.Header().Set("Connection", "close")
	if l := c.listener; l.Environment != "" {
		say(w, http.StatusMisdirectedRequest,
			fmt.Sprintf("no service of %s is called %q; they are at SERVICE.%s", l.Environment, authority(in.Host), l.Domain))
		return
	}
	say(w, http.StatusServiceUnavailable, "nothing is routed here")
}
