package router

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
)

// A router that has no room, or an instance that cannot keep up, is told apart
// from one that is broken: 503 with Retry-After, on a connection that stays.

// mostOpen bounds the requests that are open at once by the files that this
// process may open: each takes two, and the others are for idle connections.
func mostOpen() int64 {
	const fewest, enough = 100, 20_000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fewest
	}
	return int64(min(max(files.Cur*2/5, fewest), enough))
}

// turnAway answers for a router that has no room.
func (r *Router) turnAway(w http.ResponseWriter, in *http.Request, c *client) {
	if route := r.table.Load().lead(in.Host, c); route != nil {
		route.traffic.requests.Add(1)
		route.traffic.errors.Add(1)
		r.recordRefusal(in, c, route, http.StatusServiceUnavailable)
	}
	overloaded(w, "too many requests are open here; nothing was sent to an instance")
}

func overloaded(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	say(w, http.StatusServiceUnavailable, text)
}

// isOverload reports whether a connection could not be made for want of time or
// of room, rather than because nobody is there.
func isOverload(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout() || isOurs(err)
}

// isOurs reports whether a connection could not be made for want of something
// on this side, which says nothing about the instance.
func isOurs(err error) bool {
	for _, want := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

// tooLarge says how much is taken.
func (r *Router) tooLarge() string {
	if r.mostBody >= 1<<20 {
		return fmt.Sprintf("the request's body is over %d MiB, which is the most that is taken here", r.mostBody>>20)
	}
	return fmt.Sprintf("the request's body is over %d bytes, which is the most that is taken here", r.mostBody)
}
