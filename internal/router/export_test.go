package router

// SetMostOpen makes a router that has little room.
func SetMostOpen(r *Router, n int64) { r.most = n }
