package slipway

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an [Error] is. Callers branch on it; HTTP
// statuses and exit codes follow from it.
type Code string

const (
	Invalid         Code = "invalid"         // the input is wrong; the message says where and how
	Unauthenticated Code = "unauthenticated" // no token, or one that is not known
	Forbidden       Code = "forbidden"       // known, but may not
	NotFound        Code = "not_found"       // names what was not found, and the known ones
	Conflict        Code = "conflict"        // the state does not allow it now
	Exists          Code = "exists"          // it is there already
	Stale           Code = "stale"           // a newer owner or generation has taken over
	Unavailable     Code = "unavailable"     // may work later: try again
	TooLarge        Code = "too_large"       // over a bound, which the message names
	Internal        Code = "internal"        // ours to mend; details are in the log only
)

// HTTPStatus is the status of an answer that is a failure of this kind; 500 for
// what is no code. A protocol that means something else by one of them says so.
func (c Code) HTTPStatus() int {
	switch c {
	case Invalid:
		return 400 // bad request
	case Unauthenticated:
		return 401 // unauthorized
	case Forbidden:
		return 403 // forbidden
	case NotFound:
		return 404 // not found
	case Conflict, Exists, Stale:
		return 409 // conflict
	case TooLarge:
		return 413 // content too large
	case Unavailable:
		return 503 // service unavailable
	default:
		return 500 // internal server error
	}
}

// Permanent reports whether asking again cannot help: what was asked for is
// wrong, missing or too large. Any other failure is worth another try.
func (c Code) Permanent() bool {
	return c == Invalid || c == NotFound || c == TooLarge
}

// Error is a failure with a message fit for the person who caused it. The
// message is one sentence that says what is wrong; Next, when there is
// something to do, is what to do.
type Error struct {
	Code    Code
	Message string
	Next    string // what to do next, for example a command; may be empty
	Err     error  // the cause, for operators; never shown to clients
}

func (e *Error) Error() string {
	s := e.Message
	if e.Next != "" {
		s += "\n" + e.Next
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A %w verb keeps its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Do adds what to do next and returns e.
func (e *Error) Do(format string, args ...any) *Error {
	e.Next = fmt.Sprintf(format, args...)
	return e
}

// CodeOf is the code of the first Error in err's chain, Internal for any other
// error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// MessageOf is what a client may see of err: the message of its Error, or
// "internal error".
func MessageOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Error()
	}
	return "internal error"
}
