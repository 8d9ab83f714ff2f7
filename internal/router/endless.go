package router

import (
	"cmp"
	"net/http"
	"strings"
)

// Some answers go on for as long as both like: another protocol, events, calls that
// stream. How long they took says nothing, and who leaves one has not waited: they
// count when they begin. That the instance breaks one off later makes it a failure yet:
// before the end of what is framed, without the frame by which WebSockets end, by
// resetting a stream. So does a status of gRPC that comes with the end, or the code in a
// WebSocket's last frame, that says so.

// endless are the types of such answers.
var endless = []string{"text/event-stream", "application/grpc"}

func isEndless(contentType string) bool {
	for _, t := range endless {
		if len(contentType) >= len(t) && strings.EqualFold(contentType[:len(t)], t) {
			return true
		}
	}
	return false
}

// goesOn reports whether res may have no end.
func goesOn(res *http.Response) bool {
	return res.StatusCode == http.StatusSwitchingProtocols || res.ContentLength < 0 && isEndless(res.Header.Get("Content-Type"))
}

// goesOn reports whether a may have no end.
func (a *reply) goesOn() bool {
	if !a.chunked {
		return false
	}
	for _, f := range a.fields {
		if is(f.name, "content-type") {
			return isEndless(string(f.value))
		}
	}
	return false
}

// grpcCodes are what the statuses of gRPC mean in the words of HTTP, by those who
// translate between the two.
var grpcCodes = map[string]int{
	"1": 499, "2": 500, "3": 400, "4": 504, "5": 404, "6": 409, "7": 403, "8": 429,
	"9": 400, "10": 409, "11": 400, "12": 501, "13": 500, "14": 503, "15": 500, "16": 401,
}

// grpcCode is what a call of gRPC says that failed: before anything came, or, once its
// body was read, at the end; 0: it says nothing of that.
func grpcCode(res *http.Response) int {
	if !isEndless(res.Header.Get("Content-Type")) {
		return 0
	}
	return grpcCodes[cmp.Or(res.Header.Get("Grpc-Status"), res.Trailer.Get("Grpc-Status"))]
}
