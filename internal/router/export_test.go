package router

import "time"

// SetMostOpen makes a router that has little room.
func SetMostOpen(r *Router, n int64) { r.most = n }

// SetHeaderTimeout makes a router that is impatient with heads that have begun.
func SetHeaderTimeout(r *Router, d time.Duration) { r.server.ReadHeaderTimeout = d }
