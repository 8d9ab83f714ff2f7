// Package load asks services at a constant rate, whether or not earlier
// requests were answered (open loop), and accounts for every request.
//
// A request is lost when it could not connect, when its connection broke, when
// its answer was cut short, was not the one that belongs to it, or was made by
// somebody on the way. Nothing is ever asked twice: a client that tries again
// would hide what it is here to find. Over HTTP/2 a server can say that it did
// not begin a request (GOAWAY, REFUSED_STREAM): that is asked again, as every
// client does, and counted apart. A kept connection that its server has closed
// before is replaced.
//
//	Get        a small answer
//	Post       a body, of which the answer has to know the checksum
//	Stream     an answer that takes its time, whole to its end
//	WebSocket  a conversation, ended by a close frame
//
// A Door says over what it is asked: HTTP/1.1 or HTTP/2, with TLS or without.
package load
